/** The log of one unit or job: the last lines at once, then every new one. */
import { useEffect, useState } from 'react';
import { asProblem, get, type Problem } from '../api/client';
import type { LogPage } from '../api/model';
import { append, emptyLog, type Log } from './log';
import { type Connection, type Following, follow } from './stream';

const FIRST_LINES = 1000;
/** Lines are shown in groups: one drawing per group, however fast the unit writes. */
const GROUP_MS = 80;

export interface FollowedLog {
  log: Log;
  loading: boolean;
  connection: Connection;
  problem: Problem | null;
}

/** `base` is the address of the log: that of the first lines, and with `/stream` of those that follow. */
export function useLog(base: string): FollowedLog {
  const [log, setLog] = useState<Log>(emptyLog);
  const [loading, setLoading] = useState(true);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [connection, setConnection] = useState<Connection>({ state: 'connecting' });

  useEffect(() => {
    const abort = new AbortController();
    let following: Following | null = null;
    let held = emptyLog;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let retry: ReturnType<typeof setTimeout> | undefined;
    setLog(emptyLog);
    setLoading(true);
    setProblem(null);

    const show = () => {
      timer = undefined;
      setLog(held);
    };
    const take = (page: LogPage) => {
      held = append(held, page);
      timer ??= setTimeout(show, GROUP_MS);
    };
    const first = async () => {
      const page = await get<LogPage>(`${base}?tail=${FIRST_LINES}`, abort.signal);
      // Numbers go on across a reset, so that keys in the list stay unique.
      held = append({ ...emptyLog, next: held.next }, page);
      setLog(held);
      setLoading(false);
      setProblem(null);
      return page.cursor;
    };
    const start = async () => {
      try {
        const cursor = await first();
        if (abort.signal.aborted) return;
        following = follow({
          cursor,
          url: (at) => `${base}/stream?after=${encodeURIComponent(at ?? '')}`,
          onConnection: setConnection,
          restWhenHidden: true,
          onMessage: (message) => {
            if (message.event === 'reset') {
              void first().then((at) => following?.moveTo(at));
            } else if (message.event === 'lines') {
              take(JSON.parse(message.data) as LogPage);
            }
          },
        });
      } catch (error) {
        if (abort.signal.aborted) return;
        const cause = asProblem(error);
        setProblem(cause);
        setLoading(false);
        if (cause.status === 0 || cause.status >= 500) retry = setTimeout(start, 2000);
      }
    };
    void start();
    return () => {
      abort.abort();
      following?.stop();
      clearTimeout(timer);
      clearTimeout(retry);
    };
  }, [base]);

  return { log, loading, connection, problem };
}
