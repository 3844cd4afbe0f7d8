/** The page's one connection to the journal; it keeps the query cache true. */
import { type Query, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import type { JournalEvent, Status } from '../api/model';
import { type JournalData, type JournalFilter, runQuery, statusQuery } from '../api/queries';
import { addSteps, prepend, touched } from './apply';
import { type Connection, type Following, follow } from './stream';

const ConnectionContext = createContext<Connection>({ state: 'connecting' });

export const useConnection = () => useContext(ConnectionContext);

/** Read models that events change, while they are asked for the first time. */
function isFirstLook({ queryKey, state }: Query): boolean {
  const [what] = queryKey;
  return (
    state.fetchStatus === 'fetching' && state.data === undefined && followed.has(what as string)
  );
}

const followed = new Set([
  'status',
  'units',
  'unit',
  'runs',
  'run',
  'jobs',
  'job',
  'alerts',
  'health',
  'journal',
  'tasks',
  'task',
  'sessions',
  'session',
  'reviews',
  'review',
  'votes',
  'vote',
]);

/** Events come in bursts: the cache is brought up to date at most this often. */
const SETTLE_MS = 200;
const LATER_MS = 2000;

interface Props {
  onSignedOut: () => void;
  children: ReactNode;
}

export function Live({ onSignedOut, children }: Props) {
  const client = useQueryClient();
  const [connection, setConnection] = useState<Connection>({ state: 'connecting' });

  useEffect(() => {
    let following: Following | null = null;
    let stopped = false;
    let pending: JournalEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;

    const later = new Map<string, readonly string[]>();
    let laterTimer: ReturnType<typeof setTimeout> | undefined;
    const askAgain = (keys: Map<string, readonly string[]>) => {
      for (const queryKey of keys.values()) void client.invalidateQueries({ queryKey });
      keys.clear();
    };
    const askLater = () => {
      laterTimer = undefined;
      askAgain(later);
    };

    const settle = () => {
      timer = undefined;
      // An answer under way may be older than these events, and before there is an answer there is
      // nothing to add them to or to ask for again.
      if (client.getQueryCache().findAll({ predicate: isFirstLook }).length > 0) {
        timer = setTimeout(settle, SETTLE_MS);
        return;
      }
      const events = pending;
      pending = [];
      const keys = new Map<string, readonly string[]>();
      for (const event of events) {
        const { now, soon } = touched(event);
        for (const key of now) keys.set(key.join('\0'), key);
        for (const key of soon) later.set(key.join('\0'), key);
      }
      askAgain(keys);
      if (later.size > 0) laterTimer ??= setTimeout(askLater, LATER_MS);
      for (const subject of new Set(events.map((event) => event.subject))) {
        client.setQueryData(runQuery(subject).queryKey, (run) => run && addSteps(run, events));
      }
      for (const cached of client.getQueryCache().findAll({ queryKey: ['journal'] })) {
        const filter = cached.queryKey[1] as JournalFilter;
        client.setQueryData<JournalData>(
          cached.queryKey,
          (data) => data && prepend(data, filter, events),
        );
      }
    };

    /** The stream goes on exactly where the first answer ends: nothing is missed between the two. */
    const startingPoint = async (): Promise<string | null> => {
      const status: Status = await client.fetchQuery({ ...statusQuery, staleTime: 0 });
      return `${status.daemon.epoch}-${status.daemon.head}`;
    };

    const begin = (cursor: string | null) => {
      if (stopped) return;
      // Without a starting point nothing that was asked for before the stream lives can be trusted.
      let blind = cursor === null;
      following = follow({
        cursor,
        url: (at) => `/api/v1/events${at ? `?after=${encodeURIComponent(at)}` : ''}`,
        onConnection: (next) => {
          if (blind && next.state === 'live') {
            blind = false;
            void client.invalidateQueries();
          }
          setConnection(next);
        },
        onRefused: (status) => {
          if (status === 401) onSignedOut();
        },
        onMessage: (message) => {
          if (message.event === 'reset') {
            // The stream goes on from the new head; everything before it is asked for again.
            pending = [];
            void client.resetQueries();
            return;
          }
          pending.push(JSON.parse(message.data) as JournalEvent);
          timer ??= setTimeout(settle, SETTLE_MS);
        },
      });
    };

    startingPoint().then(begin, () => begin(null));
    return () => {
      stopped = true;
      following?.stop();
      clearTimeout(timer);
      clearTimeout(laterTimer);
    };
  }, [client, onSignedOut]);

  return <ConnectionContext.Provider value={connection}>{children}</ConnectionContext.Provider>;
}
