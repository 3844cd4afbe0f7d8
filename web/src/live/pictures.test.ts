import { describe, expect, it } from 'vitest';
import { starts, stretches } from './hour';
import { layers } from './layers';
import { pieces, place, topOf } from './usage';

const at = (value: number, when: number) => ({ at: when, value, most: value });

describe('a sparkline', () => {
  it('is high enough for its points and its limit', () => {
    expect(topOf([], 5, null)).toBe(5);
    expect(topOf([at(50, 1)], 5, null)).toBe(60);
    expect(topOf([at(50, 1)], 5, 100)).toBeCloseTo(108);
  });

  it('places points by time', () => {
    const scale = { from: 100, until: 200, top: 10 };
    expect(place({ at: 150, value: 5 }, scale)).toEqual({ x: 0.5, y: 0.5 });
    expect(place({ at: 200, value: 20 }, scale)).toEqual({ x: 1, y: 1 });
  });

  it('joins nothing over a gap', () => {
    const parts = pieces([at(1, 0), at(1, 5), at(1, 50)], 16);
    expect(parts.map((part) => part.length)).toEqual([2, 1]);
    expect(pieces([], 16)).toEqual([]);
  });
});

describe('the last hour', () => {
  const event = (kind: string, minute: number) => ({
    kind: `unit.${kind}`,
    at: new Date(minute * 60_000).toISOString(),
  });
  const words = (all: ReturnType<typeof stretches>) =>
    all.map(({ state, from, until }) => `${state} ${from / 60_000}-${until / 60_000}`);

  it('is as it is now when nothing happened', () => {
    expect(words(stretches([], 0, 3_600_000, 'up'))).toEqual(['up 0-60']);
  });

  it('knows ups and downs, and what it does not know', () => {
    const events = [event('started', 50), event('exited', 40), event('started', 10)];
    expect(words(stretches(events, 0, 3_600_000, 'up'))).toEqual([
      'unknown 0-10',
      'up 10-40',
      'down 40-50',
      'up 50-60',
    ]);
    expect(starts(events, 0, 3_600_000)).toHaveLength(2);
  });

  it('begins as the last event before it says', () => {
    const events = [event('stopped', 70), event('started', 10)];
    expect(words(stretches(events, 20 * 60_000, 80 * 60_000, 'out'))).toEqual([
      'up 20-70',
      'out 70-80',
    ]);
  });
});

describe('the order of units', () => {
  const unit = (name: string, after: Record<string, string> = {}) => ({ name, after });

  it('puts each behind all it waits for', () => {
    const found = layers([
      unit('web', { api: 'ready', db: 'healthy' }),
      unit('api', { db: 'ready' }),
      unit('db'),
      unit('alone'),
    ]);
    const level = (name: string) => found.spots.find((spot) => spot.name === name)?.level;
    expect([level('db'), level('api'), level('web')]).toEqual([0, 1, 2]);
    expect(found.alone).toEqual(['alone']);
    expect(
      found.edges.map(({ from, to, condition }) => `${from.name} ${to.name} ${condition}`),
    ).toEqual(['api web ready', 'db web healthy', 'db api ready']);
    expect(found).toMatchObject({ levels: 3, rows: 1 });
  });

  it('survives what cannot be', () => {
    expect(layers([unit('a', { b: 'ready' }), unit('b', { a: 'ready' })]).spots).toHaveLength(2);
  });
});
