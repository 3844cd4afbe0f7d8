/** From what was measured to what is drawn. */
import type { Minute, Sample } from '../api/model';

/** One figure over time: what is drawn, and what it was at most there. */
export interface Point {
  at: number;
  value: number;
  most: number;
}

export type Measured = 'cpu' | 'memory';

export const pointOf = (sample: Sample, what: Measured): Point => {
  const value = what === 'cpu' ? sample.cpu_percent : sample.rss_bytes;
  return { at: Date.parse(sample.at), value, most: value };
};

export const minuteOf = (minute: Minute, what: Measured): Point => ({
  at: Date.parse(minute.at),
  value: what === 'cpu' ? minute.cpu_avg : minute.rss_avg,
  most: what === 'cpu' ? minute.cpu_max : minute.rss_max,
});

export interface Scale {
  from: number;
  until: number;
  top: number;
}

/** A place in the picture: 0 to 1 from the left, 0 to 1 from the bottom. */
export const place = (point: Pick<Point, 'at' | 'value'>, { from, until, top }: Scale) => ({
  x: (point.at - from) / Math.max(1, until - from),
  y: Math.min(1, Math.max(0, point.value / Math.max(top, Number.MIN_VALUE))),
});

/** High enough for all points and the limit, and never so low that noise looks like work. */
export function topOf(points: Point[], least: number, limit: number | null): number {
  const most = Math.max(0, ...points.map((point) => point.value));
  return Math.max(least, most * 1.2, (limit ?? 0) * 1.08);
}

/** Where points are further apart than this, nobody measured in between. */
export function pieces(points: Point[], gapMs: number): Point[][] {
  const all: Point[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    if (point.at - last > gapMs) all.push([]);
    all.at(-1)?.push(point);
    last = point.at;
  }
  return all;
}
