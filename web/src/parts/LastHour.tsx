/** One unit over the last hour: when it had a process, and when it was started. */
import { useInfiniteQuery } from '@tanstack/react-query';
import type { Unit } from '../api/model';
import { journalQuery } from '../api/queries';
import { useNow } from '../live/clock';
import { LIFE_KINDS, type Stretch, starts, stretches } from '../live/hour';
import classes from './sparkline.module.css';
import { many, percent } from './words';

const HOUR = 3_600_000;
const WIDTH = 600;
const HEIGHT = 26;

/** Height says it, too: up is a full bar, down a low one in stripes, out a thin one. */
const shapes: Record<Stretch['state'], { height: number; class: string | undefined }> = {
  up: { height: 20, class: classes.up },
  down: { height: 11, class: classes.down },
  out: { height: 6, class: classes.out },
  unknown: { height: 2, class: classes.unknown },
};

export const lifeFilter = (unit: string) => ({ topic: 'unit', subject: unit, kind: LIFE_KINDS });

function nowState(unit: Unit): Stretch['state'] {
  if (unit.pid !== null) return 'up';
  return unit.state === 'stopped' ? 'out' : 'down';
}

export function LastHour({ unit }: { unit: Unit }) {
  const { data } = useInfiniteQuery(journalQuery(lifeFilter(unit.name)));
  const until = Math.floor(useNow() / 5000) * 5000 + 5000;
  const from = until - HOUR;
  if (!data) return null;
  const events = data.pages.flatMap((page) => page.events);
  const all = stretches(events, from, until, nowState(unit));
  const began = starts(events, from, until);
  const time = (state: Stretch['state']) =>
    all
      .filter((each) => each.state === state)
      .reduce((sum, each) => sum + each.until - each.from, 0);
  const known = HOUR - time('unknown');
  const up = known > 0 ? percent((time('up') / known) * 100) : 'unknown';
  const words = `Last hour: up ${up} of the time that is known, ${many(began.length, 'start')}`;
  const x = (at: number) => ((at - from) / HOUR) * WIDTH;
  return (
    <section className={`card ${classes.hour}`} aria-label="The last hour">
      <svg
        className={classes.strip}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
        data-testid="last-hour"
      >
        <defs>
          <pattern id="stripes" width="5" height="5" patternUnits="userSpaceOnUse">
            <path d="M0 0 H5 V2.4 H0 Z" className={classes.down} />
          </pattern>
        </defs>
        {all.map((each) => {
          const { height, class: look } = shapes[each.state];
          return (
            <rect
              key={each.from}
              className={each.state === 'down' ? undefined : look}
              fill={each.state === 'down' ? 'url(#stripes)' : undefined}
              x={x(each.from)}
              // A moment is seen, however short it was.
              width={Math.max(each.state === 'down' ? 2 : 0.5, x(each.until) - x(each.from))}
              y={HEIGHT - height}
              height={height}
            />
          );
        })}
        {began.map((at) => (
          <line key={at} className={classes.start} x1={x(at)} x2={x(at)} y1={0} y2={5} />
        ))}
      </svg>
      <div className={classes.ends} aria-hidden="true">
        <span>an hour ago</span>
        <span>now</span>
      </div>
      <p className={`${classes.legend} num`}>
        <span>
          <Swatch state="up" /> up {up}
        </span>
        <span>
          <Swatch state="down" /> down
        </span>
        <span>
          <Swatch state="out" /> stopped
        </span>
        <span>
          <Swatch state="start" /> {many(began.length, 'start')}
        </span>
      </p>
    </section>
  );
}

function Swatch({ state }: { state: Stretch['state'] | 'start' }) {
  return (
    <svg width={12} height={14} aria-hidden="true">
      {state === 'start' ? (
        <line className={classes.start} x1={6} x2={6} y1={3} y2={11} />
      ) : (
        <rect
          className={state === 'down' ? undefined : shapes[state].class}
          fill={state === 'down' ? 'url(#stripes)' : undefined}
          width={12}
          y={13 - shapes[state].height * 0.6}
          height={shapes[state].height * 0.6}
        />
      )}
    </svg>
  );
}
