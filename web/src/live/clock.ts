/** One clock for the whole page: ticks once a second, corrected to the daemon's time. */
import { useSyncExternalStore } from 'react';

let offsetMs = 0;
let tick = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** `Date` has a resolution of one second, so only a real difference is corrected. */
export function noteServerTime(date: string | null) {
  if (!date) return;
  const difference = Date.parse(date) - Date.now();
  if (Number.isFinite(difference)) offsetMs = Math.abs(difference) > 2500 ? difference : 0;
}

export function now(): number {
  return Date.now() + offsetMs;
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    tick = now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

const idle = () => () => {};

export function useNow(enabled = true): number {
  const at = useSyncExternalStore(enabled ? subscribe : idle, () => tick);
  return Math.max(at, now() - 1000);
}

const units: [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
];

/** `2d 4h`, `12m 5s`, `3s`: the two largest parts. */
export function duration(ms: number): string {
  let rest = Math.max(0, ms);
  const parts: string[] = [];
  for (const [size, name] of units) {
    const count = Math.floor(rest / size);
    if (count === 0 && parts.length === 0) continue;
    parts.push(`${count}${name}`);
    rest -= count * size;
    if (parts.length === 2) break;
  }
  const [first = '0s', second] = parts;
  return second && !second.startsWith('0') ? `${first} ${second}` : first;
}

/** A configured length of time, however small. */
export const span = (ms: number) => (ms < 1000 ? `${ms}ms` : duration(ms));

/** `just now`, `4 min ago`, `in 3 h`. */
export function ago(at: number, reference: number): string {
  const distance = reference - at;
  const size = Math.abs(distance);
  if (size < 5000) return 'just now';
  const text =
    size < 60_000
      ? `${Math.floor(size / 1000)} s`
      : size < 3_600_000
        ? `${Math.floor(size / 60_000)} min`
        : size < 86_400_000
          ? `${Math.floor(size / 3_600_000)} h`
          : `${Math.floor(size / 86_400_000)} d`;
  return distance >= 0 ? `${text} ago` : `in ${text}`;
}

const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

export function exact(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : exactFormat.format(time);
}

export function clockTime(at: string | number): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? '' : clockFormat.format(time);
}
