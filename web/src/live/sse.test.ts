import { describe, expect, it } from 'vitest';
import { SseParser } from './sse';

const all = (...chunks: string[]) => {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
};

describe('SseParser', () => {
  it('reads one message', () => {
    expect(all('id: 1-7\nevent: unit.started\ndata: {"a":1}\n\n')).toEqual([
      { id: '1-7', event: 'unit.started', data: '{"a":1}' },
    ]);
  });

  it('does not care where the pieces are cut', () => {
    const text = 'id: 1-7\r\nevent: x\r\ndata: a\r\ndata: b\r\n\r\n: beat\n\ndata: c\n\n';
    const whole = all(text);
    expect(whole).toEqual([
      { id: '1-7', event: 'x', data: 'a\nb' },
      { id: '1-7', event: 'message', data: 'c' },
    ]);
    for (let cut = 1; cut < text.length; cut++) {
      expect(all(text.slice(0, cut), text.slice(cut))).toEqual(whole);
    }
    expect(all(...text)).toEqual(whole);
  });

  it('ignores comments and messages without data, and keeps the last id', () => {
    const parser = new SseParser();
    expect(parser.push(': heartbeat\n\nid: 1-9\n\n')).toEqual([]);
    expect(parser.lastId).toBe('1-9');
  });

  it('skips a byte order mark and one space only', () => {
    expect(all('\uFEFFdata:  two\n\n')).toEqual([{ id: '', event: 'message', data: ' two' }]);
  });

  it('gives nothing for an unfinished message', () => {
    expect(all('data: half')).toEqual([]);
    expect(all('data: half\n')).toEqual([]);
  });
});
