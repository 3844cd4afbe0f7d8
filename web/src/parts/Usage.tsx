/** CPU and memory of a unit: now, at most, over time, and how near to its limits. */
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Sample, UnitDetail } from '../api/model';
import { samplesQuery } from '../api/queries';
import { duration, useNow } from '../live/clock';
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
/** What was measured less often than this was not measured. */
const GAP = 2.5 * MINUTE;

const ranges = {
  '5': { label: '5 min', minutes: 5, words: '5 min' },
  '60': { label: '1 h', minutes: 60, words: '1 h' },
  '1440': { label: '1 day', minutes: 1440, words: '1 day' },
} as const;
type Range = keyof typeof ranges;

export function Usage({ unit }: { unit: UnitDetail }) {
  const [range, setRange] = useState<Range>('5');
  const { minutes, words } = ranges[range];
  const { data, error } = useQuery(samplesQuery(unit.name, minutes));
  const reference = useNow();
  if (error && !data) return <ProblemNote error={error} />;
  const samples = data?.samples ?? [];
  const last = samples.at(-1);
  const first = Date.parse(samples[0]?.at ?? '') || Number.POSITIVE_INFINITY;
  const points = (what: Measured): Point[] => {
    const old = (data?.minutes ?? []).map((minute) => minuteOf(minute, what));
    const fresh = samples.map((sample) => pointOf(sample, what));
    // Samples reach back as far as they were often; minutes know what was before.
    return minutes > 5 ? old : [...old.filter((point) => point.at < first), ...fresh];
  };
  const figure = (what: Measured, limit: number | null) => (
    <Figure
      what={what}
      now={last && pointOf(last, what).value}
      points={points(what)}
      limit={limit}
      from={reference - minutes * MINUTE}
      until={reference}
      words={words}
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
}

function Figure({ what, now, points, limit, from, until, words }: FigureProps) {
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
      {seen.length > 0 && (
        <Sparkline
          points={points}
          from={from}
          until={until}
          gapMs={GAP}
          least={least}
          limit={limit}
          label={`${word} ${[nowWords, mostWords, limitWords].filter((part) => part !== '').join(', ')}`}
          width={360}
          height={44}
        />
      )}
    </div>
  );
}

/** So many samples fill the picture in a row of a table. */
const MINI_SAMPLES = 20;

/** The same in a row of a table. */
export function MiniUsage({ what, samples }: { what: Measured; samples: Sample[] }) {
  const { word, least, say } = faces[what];
  const points = samples.map((sample) => pointOf(sample, what));
  const [first] = points;
  const last = points.at(-1);
  if (!first || !last) {
    return (
      <span className={classes.mini}>
        <span className="dim">–</span>
      </span>
    );
  }
  const most = Math.max(...points.map((point) => point.most));
  const length = last.at - first.at;
  const each = points.length > 1 ? length / (points.length - 1) : 1000;
  return (
    <span className={classes.mini}>
      <span className="num">{say(last.value)}</span>
      <Sparkline
        points={points}
        from={last.at - (MINI_SAMPLES - 1) * each}
        until={last.at}
        gapMs={GAP}
        least={least}
        label={`${word} now ${say(last.value)}, at most ${say(most)} in ${duration(length)}`}
        width={56}
        height={20}
      />
    </span>
  );
}
