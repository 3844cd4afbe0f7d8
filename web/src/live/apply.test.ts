import { describe, expect, it } from 'vitest';
import type { JournalEvent, JournalPage, RunDetail } from '../api/model';
import {
  addSteps,
  goOn,
  keepNewerEvents,
  keepNewerSteps,
  matches,
  prepend,
  touched,
} from './apply';

const event = (seq: number, kind = 'unit.started', subject = 'web'): JournalEvent => ({
  seq,
  cursor: `1-${seq}`,
  id: `id-${seq}`,
  at: '2026-11-21T08:00:00Z',
  kind,
  topic: kind.split('.')[0] ?? '',
  subject,
  actor: 'daemon',
  cause: null,
  chain: 'c',
  hop: 0,
  body: null,
  summary: '',
});
const page = (events: JournalEvent[]): { pages: JournalPage[] } => ({
  pages: [{ events, next: null, head: events[0]?.seq ?? 0 }],
});

describe('matches', () => {
  it('knows stars, topics and subjects', () => {
    expect(matches({ kind: 'unit.*' }, event(1))).toBe(true);
    expect(matches({ kind: 'unit.start' }, event(1))).toBe(false);
    expect(matches({ kind: 'run.*' }, event(1))).toBe(false);
    expect(matches({ topic: 'unit', subject: 'api' }, event(1))).toBe(false);
    expect(matches({}, event(1))).toBe(true);
    expect(matches({ kind: 'unit.exited,unit.started' }, event(1))).toBe(true);
    expect(matches({ kind: 'unit.exited,run.*' }, event(1))).toBe(false);
  });
});

describe('prepend', () => {
  it('adds newer events once, newest first', () => {
    const data = prepend(page([event(5)]), {}, [event(6), event(7), event(7), event(5)]);
    expect(data.pages[0]?.events.map((e) => e.seq)).toEqual([7, 6, 5]);
    expect(data.pages[0]?.head).toBe(7);
  });

  it('leaves the cache alone when nothing fits', () => {
    const data = page([event(5)]);
    expect(prepend(data, { subject: 'api' }, [event(6)])).toBe(data);
    expect(prepend(data, {}, [event(5)])).toBe(data);
  });
});

describe('touched', () => {
  it('names the thing and the overview', () => {
    expect(touched(event(1)).now).toContainEqual(['unit', 'web']);
    expect(touched(event(1, 'run.ended', 'r1')).now).toContainEqual(['run', 'r1']);
    expect(touched(event(1, 'journal.gap', ''))).toEqual({ now: [['status']], soon: [] });
  });

  it('knows jobs, alerts and health', () => {
    const job = touched(event(1, 'job.finished', 'health'));
    expect(job.now).toContainEqual(['job', 'health']);
    expect(job.soon).toEqual([['health']]);
    expect(touched(event(1, 'alert.raised', 'a1')).now).toContainEqual(['alerts']);
    expect(touched(event(1, 'health.changed', 'health')).now).toContainEqual(['health']);
  });

  it('does not ask again for every word of an agent', () => {
    const said = { ...event(1, 'run.text', 'r1'), body: { type: 'text', text: 'Hi' } };
    expect(touched(said).now).toEqual([]);
  });
});

describe('a run that is followed', () => {
  const said = (seq: number) => ({
    ...event(seq, 'run.text', 'r1'),
    body: { type: 'text', text: `${seq}` },
  });
  const run = (...seqs: number[]) =>
    ({
      id: 'r1',
      stream: seqs.map((seq) => ({ seq, at: '', type: 'text', text: '' })),
    }) as unknown as RunDetail;
  const seqs = (detail: RunDetail) => detail.stream.map((step) => step.seq);

  it('gets each step once', () => {
    expect(seqs(addSteps(run(1, 2), [said(2), said(3), event(4, 'run.ended', 'r1')]))).toEqual([
      1, 2, 3,
    ]);
  });

  it('goes on where it was, and a cut beginning stays cut', () => {
    const old = { ...run(1, 2), stream_cut: true };
    const later = goOn(old, { ...run(3), state: 'reported', stream_cut: false });
    expect(seqs(later)).toEqual([1, 2, 3]);
    expect(later.state).toBe('reported');
    expect(later.stream_cut).toBe(true);
  });

  it('loses nothing to an answer that was on its way', () => {
    expect(seqs(keepNewerSteps(run(1, 2, 3), run(1, 2)))).toEqual([1, 2, 3]);
    expect(seqs(keepNewerSteps(undefined, run(1)))).toEqual([1]);
    const merged = keepNewerEvents(page([event(7), event(6)]), page([event(6)]));
    expect(merged.pages[0]?.events.map((each) => each.seq)).toEqual([7, 6]);
  });
});
