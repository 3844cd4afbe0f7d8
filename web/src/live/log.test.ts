import { describe, expect, it } from 'vitest';
import type { LogLine } from '../api/model';
import { append, compareCursors, emptyLog, type Log, plain, select } from './log';

const line = (text: string, stream: LogLine['stream'] = 'stdout'): LogLine => ({
  at: '2026-11-21T08:00:00Z',
  stream,
  text,
  truncated: false,
});
const texts = (log: Log) => log.lines.map((each) => each.text);

describe('append', () => {
  it('keeps order and numbers lines', () => {
    const log = append(append(emptyLog, [line('a'), line('b')], '1:20'), [line('c')], '1:30');
    expect(texts(log)).toEqual(['a', 'b', 'c']);
    expect(log.lines.map((each) => each.n)).toEqual([0, 1, 2]);
    expect(log.cursor).toBe('1:30');
  });

  it('ignores a batch that comes again after a reconnect', () => {
    const once = append(append(emptyLog, [line('a')], '1:10'), [line('b')], '1:20');
    expect(append(once, [line('b')], '1:20')).toBe(once);
    expect(append(once, [line('a')], '1:10')).toBe(once);
    expect(texts(append(once, [line('c')], '2:4'))).toEqual(['a', 'b', 'c']);
  });

  it('lets the oldest go and counts them', () => {
    let log = emptyLog;
    for (let i = 0; i < 10; i++) log = append(log, [line(String(i))], `1:${i + 1}`, 8);
    expect(log.lines.length).toBeLessThanOrEqual(8);
    expect(log.lines.length + log.dropped).toBe(10);
    expect(texts(log).at(-1)).toBe('9');
    expect(log.lines.at(-1)?.n).toBe(9);
  });

  it('moves the cursor without lines', () => {
    expect(append(emptyLog, [], '3:0').cursor).toBe('3:0');
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
  const log = append(emptyLog, [line('GET /a'), line('boom', 'stderr'), line('get /b')], '1:1');
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
