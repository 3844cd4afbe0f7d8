/** Everything that is kept alive, with the verbs at hand. */

import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import type { Sample, Unit } from '../api/model';
import { allSamplesQuery, unitsQuery } from '../api/queries';
import { useGlow } from '../live/useGlow';
import { commandLine } from '../parts/Copy';
import { Empty } from '../parts/Facts';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { saysMore, UnitPill } from '../parts/StatePill';
import { Countdown, Since } from '../parts/Time';
import { UnitActions } from '../parts/UnitActions';
import { MiniUsage } from '../parts/Usage';
import { useRowKeys } from '../parts/useRowKeys';
import { many } from '../parts/words';
import { Order } from './Order';
import classes from './pages.module.css';

export function Units() {
  const { data, error } = useQuery(unitsQuery);
  const { data: samples } = useQuery(allSamplesQuery);
  const [params, setParams] = useSearchParams();
  const order = params.get('view') === 'order';
  useRowKeys();
  return (
    <div className={classes.page}>
      <Head
        title="Units"
        why={
          data &&
          `${many(data.length, 'unit')}, ${data.filter((u) => u.state === 'running').length} running`
        }
      >
        <SegmentedControl
          size="xs"
          aria-label="How to show them"
          value={order ? 'order' : 'list'}
          onChange={(view) => setParams(view === 'order' ? { view } : {}, { replace: true })}
          data={[
            { value: 'list', label: 'List' },
            { value: 'order', label: 'Order' },
          ]}
        />
      </Head>
      {!data && (error ? <ProblemNote error={error} /> : <Waiting rows={6} />)}
      {data && order && <Order units={data} />}
      {data && !order && (
        <div className={classes.card}>
          <div className={`${classes.unitRow} ${classes.columns}`} aria-hidden="true">
            <span>State</span>
            <span>Unit</span>
            <span>Why</span>
            <span className={classes.roomy}>CPU</span>
            <span className={classes.roomy}>Memory</span>
            <span className={classes.end}>Process</span>
            <span className={classes.end}>Up</span>
            <span className={classes.end}>Restarts</span>
            <span />
          </div>
          {data.length === 0 && (
            <Empty>
              No units yet. Add one to the configuration, or type{' '}
              <span className="mono">orkestra init</span>.
            </Empty>
          )}
          <ul className={classes.rows} aria-label="Units">
            {data.map((unit) => (
              <Row key={unit.name} unit={unit} samples={samples?.[unit.name] ?? []} />
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

function Row({ unit, samples }: { unit: Unit; samples: Sample[] }) {
  const glow = useGlow<HTMLLIElement>(
    `${unit.state} ${unit.health} ${unit.instance} ${unit.restarts}`,
  );
  return (
    <li className={`${classes.unitRow} ${classes.unit}`} ref={glow} data-unit={unit.name}>
      <span>
        <UnitPill unit={unit} />
      </span>
      <Link
        to={`/units/${encodeURIComponent(unit.name)}`}
        className={`${classes.open} clip`}
        title={unit.name}
        data-row
      >
        {unit.name}
      </Link>
      <span className={`${classes.whyCell} ${classes.cell}`} title={unit.why}>
        {saysMore(unit) ? unit.why : <span className="mono">{commandLine(unit.command)}</span>}
        {unit.state === 'backing_off' && unit.next_start_at && (
          <span style={{ color: 'var(--amber)' }}>
            {' '}
            Starts <Countdown at={unit.next_start_at} />.
          </span>
        )}
      </span>
      <span className={`${classes.wide} ${classes.roomy}`}>
        <MiniUsage what="cpu" samples={samples} />
      </span>
      <span className={`${classes.wide} ${classes.roomy}`}>
        <MiniUsage what="memory" samples={samples} />
      </span>
      <span className={`${classes.wide} ${classes.end} num mono`}>
        {unit.pid ?? <span className="dim">–</span>}
      </span>
      <span className={`${classes.wide} ${classes.end} num`}>
        <Since at={unit.pid === null ? null : unit.started_at} />
      </span>
      <span className={`${classes.wide} ${classes.end} num`}>
        {unit.restarts || <span className="dim">0</span>}
        <span className="hidden-text"> restarts</span>
      </span>
      <span className={`${classes.actions} ${classes.above} ${classes.end}`}>
        <UnitActions unit={unit} compact />
      </span>
    </li>
  );
}
