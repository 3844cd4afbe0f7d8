/** CPU and memory of a unit: now, at most, over time, and how near to its limits. */
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Sample, UnitDetail } from '../api/model';
import { samplesQuery } from '../api/queries';
import { useNow } from '../live/clock';
import { type Measured, minuteOf, type Point, pointOf } from '../live/usage';
import { ProblemNote } from './Problem';
import { Sparkline } from './Sparkline';
import classes from './sparkline.module.css';
import { bytes, many, percent } from './words';

const faces = {
  cpu: { word: 'CPU', least: 5, say: percent },
  memory: { word: 'Memory', least: 1_000_000, say: bytes },
} as const;

const MINUTE = 60_000;
/** Samples come every 5 s; one may be late. */
const SAMPLE_GAP = 16_000;
const MINUTE_GAP = 2.5 * MINUTE;

const ranges = {
  '5': { label: '5 min', minutes: 5, words: '5 min' },
  '60': { label: '1 h', minutes: 60, words: '1 h' },
  '1440': { label: '1 day', minutes: 1440, words: '1 day' },
} as const;
type Range = keyof typeof ranges;

export function Usage({ unit }: { unit: UnitDetail }) {
  const [range, setRange] = useState<Range>('5');
  const { minutes, words } = ranges[range];
  const { data, error } = useQuery(samplesQuery(unit.name, minutes <= 5 ? 0 : minutes));
  const reference = useNow();
  if (error && !data) return <ProblemNote error={error} />;
  const samples = data?.samples ?? [];
  const last = samples.at(-1);
  const points = (what: Measured): Point[] =>
    minutes <= 5
      ? samples.map((sample) => pointOf(sample, what))
      : (data?.minutes ?? []).map((minute) => minuteOf(minute, what));
  const figure = (what: Measured, limit: number | null) => (
    <Figure
      what={what}
      now={last && pointOf(last, what).value}
      points={points(what)}
      limit={limit}
      from={reference - minutes * MINUTE}
      until={reference}
      words={words}
      gapMs={minutes <= 5 ? SAMPLE_GAP : MINUTE_GAP}
    />
  );
  return (
    <section className={`card ${classes.usage}`} aria-label="What it uses">
      {figure('cpu', unit.limits.cpu)}
      {figure('memory', unit.limits.memory)}
      <div className={classes.side}>
        <SegmentedControl
          size="xs"
          aria-label="How far back"
          value={range}
          onChange={(value) => setRange(value as Range)}
          data={Object.entries(ranges).map(([value, { label }]) => ({ value, label }))}
        />
        <span className="num">
          {last
            ? `${many(last.processes, 'process', 'processes')}${
                last.descriptors === null ? '' : `, ${many(last.descriptors, 'open file')}`
              }`
            : 'measured while it runs'}
        </span>
      </div>
    </section>
  );
}

interface FigureProps {
  what: Measured;
  now: number | undefined;
  points: Point[];
  limit: number | null;
  from: number;
  until: number;
  words: string;
  gapMs: number;
}

function Figure({ what, now, points, limit, from, until, words, gapMs }: FigureProps) {
  const { word, least, say } = faces[what];
  const seen = points.filter((point) => point.at >= from);
  const most = seen.length > 0 ? Math.max(...seen.map((point) => point.most)) : null;
  const nowWords = now === undefined ? 'nothing measured' : `now ${say(now)}`;
  const mostWords = most === null ? '' : `at most ${say(most)} in ${words}`;
  const limitWords = limit === null ? '' : `limit ${say(limit)}`;
  return (
    <div className={classes.figure}>
      <div className={`${classes.head} num`}>
        <span>{word}</span>
        <span className={classes.now}>{now === undefined ? '–' : say(now)}</span>
        <span className={classes.more}>
          {[mostWords, limitWords].filter((part) => part !== '').join(' · ')}
        </span>
      </div>
      <Sparkline
        points={points}
        from={from}
        until={until}
        gapMs={gapMs}
        least={least}
        limit={limit}
        label={`${word} ${[nowWords, mostWords, limitWords].filter((part) => part !== '').join(', ')}`}
        width={360}
        height={44}
      />
    </div>
  );
}

/** The same in a row of a table. */
export function MiniUsage({ what, samples }: { what: Measured; samples: Sample[] }) {
  const { word, least, say } = faces[what];
  const points = samples.map((sample) => pointOf(sample, what));
  const last = points.at(-1);
  if (!last) return <span className="dim">–</span>;
  const most = Math.max(...points.map((point) => point.most));
  return (
    <span className={classes.mini}>
      <span className="num">{say(last.value)}</span>
      <Sparkline
        points={points}
        from={last.at - 100_000}
        until={last.at}
        gapMs={SAMPLE_GAP}
        least={least}
        label={`${word} now ${say(last.value)}, at most ${say(most)} in 2 min`}
        width={56}
        height={20}
      />
    </span>
  );
}
