/** What one event of the journal means for the cache: which read models to ask for again, what to add. */

import type { JournalEvent, JournalFilter, JournalPage, RunDetail, RunEvent } from '../api/model';

export type Key = readonly string[];

export interface Touched {
  /** To ask for again at once. */
  now: Key[];
  /** Changes often and matters little: now and then is enough. */
  soon: Key[];
}

/** The read models that an event may have changed. */
export function touched(event: Pick<JournalEvent, 'topic' | 'subject' | 'kind' | 'body'>): Touched {
  const unimportant: Touched = { now: [['status']], soon: [] };
  switch (event.topic) {
    case 'unit':
      return { now: [['status'], ['units'], ['unit', event.subject]], soon: [] };
    case 'run':
      // What the agent says is added to the page as it comes; its sums follow.
      return stepOf(event)
        ? {
            now: [],
            soon: [
              ['status'],
              ['runs'],
              ['run', event.subject],
              ['session'],
              ...(event.kind === 'run.usage' ? [['usage'], ['budgets'], ['agents']] : []),
            ],
          }
        : { now: [['status'], ['runs'], ['run', event.subject]], soon: [['session'], ['tasks']] };
    case 'job':
      // The house's own look at its health is a job, too.
      return {
        now: [['status'], ['jobs'], ['job', event.subject]],
        soon: event.subject === 'health' && event.kind === 'job.finished' ? [['health']] : [],
      };
    case 'alert':
      return { now: [['status'], ['alerts']], soon: [] };
    case 'effect':
      // Telling somebody of an alert is an effect.
      return { now: [], soon: [['alerts']] };
    case 'health':
      return { now: [['status'], ['health']], soon: [] };
    case 'prune':
    case 'backup':
      return { now: [], soon: [['status'], ['health']] };
    case 'approval':
      return { now: [['status'], ['approvals'], ['approval', event.subject]], soon: [['runs']] };
    case 'task':
      return {
        now: [['status'], ['tasks'], ['task', event.subject]],
        // Its session counts it; what depends on it has changed, too.
        soon: [['session'], ['task']],
      };
    case 'session':
      return { now: [['status'], ['sessions'], ['session', event.subject]], soon: [['tasks']] };
    case 'review':
      return {
        now: [['status'], ['reviews'], ['review', event.subject]],
        soon: [['tasks'], ['session']],
      };
    case 'vote':
      return { now: [['status'], ['votes'], ['vote', event.subject]], soon: [['session']] };
    case 'merge':
    case 'overlap':
      return { now: [['status'], ['merges'], ['overlaps']], soon: [['session'], ['tasks']] };
    case 'agent':
      return { now: [['status'], ['agents']], soon: [] };
    case 'budget':
      return { now: [['status'], ['budgets']], soon: [] };
    case 'daemon':
      return event.kind === 'daemon.config_reloaded'
        ? {
            now: [
              ['status'],
              ['units'],
              ['unit'],
              ['agents'],
              ['budgets'],
              ['jobs'],
              ['job'],
              ['health'],
            ],
            soon: [],
          }
        : unimportant;
    default:
      return unimportant;
  }
}

/** A run's event is a step of its conversation when its body says a type. */
function stepOf(event: Pick<JournalEvent, 'topic' | 'body'>): boolean {
  return event.topic === 'run' && typeof event.body?.type === 'string';
}

/** Adds what the agent said and did to the run's page, each once, in order. */
export function addSteps(run: RunDetail, events: JournalEvent[]): RunDetail {
  const last = run.stream.at(-1)?.seq ?? 0;
  const added = events
    .filter((event) => event.subject === run.id && event.seq > last && stepOf(event))
    .map((event) => ({ ...event.body, seq: event.seq, at: event.at }) as RunEvent);
  if (added.length === 0) return run;
  return { ...run, stream: [...run.stream, ...added] };
}

/** The run as it is now, with what it said since the page's last look. */
export function goOn(old: RunDetail, rest: RunDetail): RunDetail {
  return { ...rest, stream: [...old.stream, ...rest.stream], stream_cut: old.stream_cut };
}

/** An answer may be older than what the event stream brought meanwhile: that is kept. */
export function keepNewerSteps(old: RunDetail | undefined, fresh: RunDetail): RunDetail {
  const last = fresh.stream.at(-1)?.seq ?? 0;
  const newer = old?.stream.filter((step) => step.seq > last) ?? [];
  return newer.length === 0 ? fresh : { ...fresh, stream: [...fresh.stream, ...newer] };
}

export function keepNewerEvents<P extends { pages: JournalPage[] }>(
  old: P | undefined,
  fresh: P,
): P {
  const [first, ...rest] = fresh.pages;
  const newer = old?.pages[0]?.events.filter((event) => first && event.seq > first.head) ?? [];
  if (!first || newer.length === 0) return fresh;
  const head = Math.max(first.head, newer[0]?.seq ?? 0);
  return { ...fresh, pages: [{ ...first, head, events: [...newer, ...first.events] }, ...rest] };
}

/** `unit.*` is every kind that starts with `unit.`; without a star it is one kind; commas add more. */
export function matches(filter: JournalFilter, event: JournalEvent): boolean {
  if (filter.topic && filter.topic !== event.topic) return false;
  if (filter.subject && filter.subject !== event.subject) return false;
  if (!filter.kind) return true;
  return filter.kind
    .split(',')
    .some((kind) =>
      kind.endsWith('*') ? event.kind.startsWith(kind.slice(0, -1)) : event.kind === kind,
    );
}

/** Adds events (any order) to the newest page, newest first, each once. */
export function prepend<P extends { pages: JournalPage[] }>(
  data: P,
  filter: JournalFilter,
  events: JournalEvent[],
): P {
  const [first, ...rest] = data.pages;
  if (!first) return data;
  const newest = first.events[0]?.seq ?? first.head;
  const added = events
    .filter((event) => event.seq > newest && matches(filter, event))
    .sort((a, b) => b.seq - a.seq)
    .filter((event, i, sorted) => event.seq !== sorted[i - 1]?.seq);
  if (added.length === 0) return data;
  const head = Math.max(first.head, added[0]?.seq ?? 0);
  return { ...data, pages: [{ ...first, head, events: [...added, ...first.events] }, ...rest] };
}
