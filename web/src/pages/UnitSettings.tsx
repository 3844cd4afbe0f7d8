/** What the configuration says about a unit. */
import type { ReactNode } from 'react';
import type { UnitDetail } from '../api/model';
import { span } from '../live/clock';
import { Copy } from '../parts/Copy';
import { Ago } from '../parts/Time';
import { bytes, percent } from '../parts/words';
import classes from './pages.module.css';
import styles from './unit.module.css';

function restartWords(restart: UnitDetail['restart']): string {
  const { policy, profile, initial_ms, factor, max_ms, reset_after_ms, limit } = restart;
  if (policy === 'never') return 'never';
  const words = [
    `${policy} (${profile}): first after ${span(initial_ms)}`,
    `then ${factor} times longer, at most ${span(max_ms)}`,
    `counts from zero again after ${span(reset_after_ms)} of health`,
  ];
  if (limit !== null) words.push(`gives up after ${limit} in a row`);
  const { start_limit, success_codes } = restart;
  if (start_limit) {
    words.push(`gives up after ${start_limit.count} within ${span(start_limit.within_ms)}`);
  }
  if (success_codes.length > 0) words.push(`code ${success_codes.join(', ')} is success, too`);
  return words.join('; ');
}

function limitWords({ memory, cpu, open_files, run_time_ms }: UnitDetail['limits']): string {
  const words = [];
  if (memory !== null) words.push(`${bytes(memory)} of memory`);
  if (cpu !== null) words.push(`${percent(cpu)} of one core`);
  if (open_files !== null) words.push(`${open_files} open files for each process`);
  if (run_time_ms !== null) words.push(`lives for ${span(run_time_ms)} at most`);
  return words.join(', ') || 'none';
}

const onFailed: Record<string, string> = {
  ignore: 'nothing follows for others',
  'stop-dependents': 'those that need it are stopped',
  shutdown: 'everything is stopped, and the daemon ends',
};

const kinds: Record<string, string> = {
  service: 'a service: it is to run',
  oneshot: 'a one-shot: it does its work and ends',
};

export function UnitSettings({ unit }: { unit: UnitDetail }) {
  const { restart, stop } = unit;
  const rows: [string, ReactNode][] = [
    ['Kind', kinds[unit.kind] ?? unit.kind],
    ['Folder', <Copy key="cwd" label="folder" text={unit.cwd} />],
    [
      'Environment',
      unit.env_keys.length ? (
        <span key="env" className="mono">
          {unit.env_keys.join(', ')}
        </span>
      ) : (
        'nothing added'
      ),
    ],
    ['Runs as', unit.user ?? 'the same user as the daemon'],
    ['Starts by itself', unit.enabled ? (unit.held ? 'yes, but stopped by hand' : 'yes') : 'no'],
    [
      'Starts after',
      Object.entries(unit.after)
        .map(([other, state]) => `${other} is ${state}`)
        .join(', ') || 'nothing',
    ],
    ['Needed by', unit.dependents.join(', ') || 'nothing'],
    ['Restart', restartWords(restart)],
    ['When it gives up', onFailed[unit.on_failed] ?? unit.on_failed],
    ['Limits', limitWords(unit.limits)],
    ['Stop', `${stop.signal}, then KILL after ${span(stop.grace_ms)}`],
    ['Hooks', unit.hooks.length ? `on ${unit.hooks.join(', ')}` : 'none'],
    ['Generation', String(unit.generation)],
  ];
  if (unit.instance)
    rows.push(['Instance', <Copy key="instance" label="instance" text={unit.instance} />]);
  if (unit.last_exit) {
    rows.push([
      'Last exit',
      <span key="exit">
        {unit.last_exit.words ?? unit.last_exit.reason}, <Ago at={unit.last_exit.at} />
      </span>,
    ]);
  }
  return <Rows rows={rows} />;
}

/** Names and what stands for them, one line each. */
export function Rows({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className={`${classes.card} ${styles.settings} ${styles.whole}`}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
