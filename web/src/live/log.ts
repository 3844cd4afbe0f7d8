/** A followed log as a value: lines in order, each once, however often the connection breaks. */
import type { LogLine, LogPage } from '../api/model';

export interface SeenLine extends LogLine {
  /** Counts up for as long as the page lives; a stable key for the list. */
  n: number;
  /** Lines before this one were rotated away before the page could read them. */
  gap?: boolean;
}

export interface Log {
  lines: SeenLine[];
  cursor: string | null;
  next: number;
  /** Lines that were let go because the page keeps only the newest. */
  dropped: number;
  /** Lines were rotated away and none has come since. */
  gap: boolean;
}

export const emptyLog: Log = { lines: [], cursor: null, next: 0, dropped: 0, gap: false };

export const LINES_KEPT = 20_000;

/** Cursors are `SEQ:OFFSET`. Negative: `a` is before `b`. A form we do not know compares as after. */
export function compareCursors(a: string, b: string): number {
  const [aSeq = Number.NaN, aOffset = 0] = a.split(':').map(Number);
  const [bSeq = Number.NaN, bOffset = 0] = b.split(':').map(Number);
  if ([aSeq, aOffset, bSeq, bOffset].some(Number.isNaN)) return a === b ? 0 : 1;
  return aSeq - bSeq || aOffset - bOffset;
}

/** Adds a page of the log. A page that was already seen changes nothing. */
export function append(log: Log, page: LogPage, kept = LINES_KEPT): Log {
  const { lines, cursor } = page;
  if (log.cursor !== null && compareCursors(cursor, log.cursor) <= 0) return log;
  const gap = log.gap || page.gap;
  if (lines.length === 0) return { ...log, cursor, gap };
  let next = log.next;
  const added: SeenLine[] = lines.map((line) => ({ ...line, n: next++ }));
  if (gap && added[0]) added[0].gap = true;
  const joined = log.lines.concat(added);
  // Let go in larger steps, so that a busy log does not copy itself at every line.
  const over = joined.length - kept;
  const cut = over > 0 ? over + Math.min(kept >> 2, joined.length - over) : 0;
  return {
    lines: cut > 0 ? joined.slice(cut) : joined,
    cursor,
    next,
    dropped: log.dropped + cut,
    gap: false,
  };
}

export type StreamFilter = 'all' | 'stdout' | 'stderr';

export function select(lines: SeenLine[], stream: StreamFilter, search: string): SeenLine[] {
  const needle = search.trim().toLowerCase();
  if (stream === 'all' && needle === '') return lines;
  return lines.filter(
    (line) =>
      (stream === 'all' || line.stream === stream) &&
      (needle === '' || line.text.toLowerCase().includes(needle)),
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are control characters.
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** Terminal colours and titles are noise in a browser. */
export function plain(text: string): string {
  return text.includes('\u001b') ? text.replace(escapes, '') : text;
}
