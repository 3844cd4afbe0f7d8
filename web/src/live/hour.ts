/** From events to stretches of up and down, for a strip over the last hour. */
import type { JournalEvent } from '../api/model';

export type Stretch = {
  /** `out`: it had no process because somebody or its policy said so. */
  state: 'up' | 'down' | 'out' | 'unknown';
  from: number;
  until: number;
};

/** What says that a unit has a process from here on, or has none. */
const meaning: Record<string, Stretch['state']> = {
  'unit.started': 'up',
  'unit.adopted': 'up',
  'unit.exited': 'down',
  'unit.start_failed': 'down',
  'unit.lost': 'down',
  'unit.failed': 'down',
  'unit.stopped': 'out',
};

/** What belongs to a timeline of restarts: lives that begin and end, and who or what wanted it. */
export const LIFE_KINDS = [
  ...Object.keys(meaning),
  'unit.start_requested',
  'unit.stop_requested',
  'unit.restart_requested',
  'unit.restart_scheduled',
  'unit.limit_exceeded',
  'unit.unhealthy',
].join(',');

/** Before a life ends there was one; before it begins, nobody knows. */
function before(state: Stretch['state'] | undefined, whole: boolean, now: Stretch['state']) {
  if (state === undefined) return whole ? now : 'unknown';
  return state === 'up' ? 'unknown' : 'up';
}

/**
 * `events` newest first; `whole` when there are none before them within the time.
 * Without any event in the time, it was all of it as it is now.
 */
export function stretches(
  events: Pick<JournalEvent, 'kind' | 'at'>[],
  from: number,
  until: number,
  now: Stretch['state'],
): Stretch[] {
  const known = events
    .filter((event) => meaning[event.kind])
    .map((event) => ({ at: Date.parse(event.at), state: meaning[event.kind] ?? 'unknown' }))
    .sort((a, b) => a.at - b.at);
  const within = known.filter((each) => each.at > from && each.at <= until);
  const earlier = known.filter((each) => each.at <= from).at(-1);
  let state = earlier?.state ?? before(within[0]?.state, known.length === 0, now);
  let at = from;
  const all: Stretch[] = [];
  const add = (to: number) => {
    if (to <= at) return;
    const last = all.at(-1);
    if (last?.state === state) last.until = to;
    else all.push({ state, from: at, until: to });
    at = to;
  };
  for (const each of within) {
    add(each.at);
    state = each.state;
  }
  add(until);
  return all;
}

/** When lives began, in the time. */
export const starts = (
  events: Pick<JournalEvent, 'kind' | 'at'>[],
  from: number,
  until: number,
): number[] =>
  events
    .filter((event) => event.kind === 'unit.started')
    .map((event) => Date.parse(event.at))
    .filter((at) => at >= from && at <= until);
