import { describe, expect, it } from 'vitest';
import type { LogLine, LogPage } from '../api/model';
import { append, compareCursors, emptyLog, type Log, plain, select } from './log';

const line = (text: string, stream: LogLine['stream'] = 'stdout'): LogLine => ({
  at: '2026-11-21T08:00:00Z',
  stream,
  text,
  truncated: false,
});
/** A page of the log; an empty one has no lines. */
const page = (words: string, cursor: string, gap = false): LogPage => ({
  lines: words
    .split(' ')
    .filter(Boolean)
    .map((word) => line(word)),
  cursor,
  gap,
});
const texts = (log: Log) => log.lines.map((each) => each.text);

describe('append', () => {
  it('keeps order and numbers lines', () => {
    const log = append(append(emptyLog, page('a b', '1:20')), page('c', '1:30'));
    expect(texts(log)).toEqual(['a', 'b', 'c']);
    expect(log.lines.map((each) => each.n)).toEqual([0, 1, 2]);
    expect(log.cursor).toBe('1:30');
  });

  it('ignores a batch that comes again after a reconnect', () => {
    const once = append(append(emptyLog, page('a', '1:10')), page('b', '1:20'));
    expect(append(once, page('b', '1:20'))).toBe(once);
    expect(append(once, page('a', '1:10'))).toBe(once);
    expect(texts(append(once, page('c', '2:4')))).toEqual(['a', 'b', 'c']);
  });

  it('lets the oldest go and counts them', () => {
    let log = emptyLog;
    for (let i = 0; i < 10; i++) log = append(log, page(String(i), `1:${i + 1}`), 8);
    expect(log.lines.length).toBeLessThanOrEqual(8);
    expect(log.lines.length + log.dropped).toBe(10);
    expect(texts(log).at(-1)).toBe('9');
    expect(log.lines.at(-1)?.n).toBe(9);
  });

  it('moves the cursor without lines', () => {
    expect(append(emptyLog, page('', '3:0')).cursor).toBe('3:0');
  });

  it('marks the first line after lines that were rotated away', () => {
    const gone = append(append(emptyLog, page('a', '1:10')), page('', '3:0', true));
    const log = append(append(gone, page('b c', '3:20')), page('d', '3:30'));
    expect(log.lines.map((each) => each.gap ?? false)).toEqual([false, true, false, false]);
  });
});

describe('compareCursors', () => {
  it('compares as numbers, part by part', () => {
    expect(compareCursors('2:9', '10:1')).toBeLessThan(0);
    expect(compareCursors('2:100', '2:20')).toBeGreaterThan(0);
    expect(compareCursors('2:20', '2:20')).toBe(0);
    expect(compareCursors('odd', '2:20')).toBeGreaterThan(0);
  });
});

describe('select', () => {
  const log = append(emptyLog, {
    lines: [line('GET /a'), line('boom', 'stderr'), line('get /b')],
    cursor: '1:1',
    gap: false,
  });
  it('filters by stream and by text, whatever the case', () => {
    expect(select(log.lines, 'stderr', '').map((l) => l.text)).toEqual(['boom']);
    expect(select(log.lines, 'all', 'get').map((l) => l.text)).toEqual(['GET /a', 'get /b']);
    expect(select(log.lines, 'all', '')).toBe(log.lines);
  });
});

describe('plain', () => {
  it('removes colours and titles', () => {
    expect(plain('\u001b[1;32mok\u001b[0m \u001b]0;title\u0007done')).toBe('ok done');
  });
});
