/** One unit: what it does, why, and its log as it is written. */
import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import type { UnitDetail } from '../api/model';
import { unitQuery } from '../api/queries';
import { span } from '../live/clock';
import { useLog } from '../live/useLog';
import { Copy, commandLine } from '../parts/Copy';
import { Fact, Facts } from '../parts/Facts';
import { LogView } from '../parts/LogView';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { saysMore, UnitPill } from '../parts/StatePill';
import { Ago, Countdown, Since } from '../parts/Time';
import { Timeline } from '../parts/Timeline';
import { UnitActions } from '../parts/UnitActions';
import classes from './pages.module.css';
import styles from './unit.module.css';

const back = { to: '/units', word: 'Units' };

export function UnitPage() {
  const { name = '' } = useParams();
  return <OneUnit key={name} name={name} />;
}

/** When the state says it all, it is worth knowing what hangs together with it. */
function firstWords({ after, dependents, why }: UnitDetail): string {
  const needs = Object.keys(after);
  const words = [];
  if (needs.length > 0) words.push(`Started after ${needs.join(', ')}.`);
  if (dependents.length > 0) words.push(`Needed by ${dependents.join(', ')}.`);
  return words.join(' ') || why;
}

function OneUnit({ name }: { name: string }) {
  const { data: unit, error } = useQuery(unitQuery(name));
  const followed = useLog(name);

  if (!unit) {
    return (
      <div className={classes.page}>
        <Head title={name} back={back} />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  return (
    <div className={`${classes.page} ${classes.fill}`}>
      <Head
        title={unit.name}
        pill={<UnitPill unit={unit} />}
        back={back}
        why={
          <>
            {saysMore(unit) ? unit.why : firstWords(unit)}
            {unit.state === 'backing_off' && unit.next_start_at && (
              <strong style={{ color: 'var(--amber)' }}>
                {' '}
                Starts <Countdown at={unit.next_start_at} />.
              </strong>
            )}
          </>
        }
      >
        <UnitActions unit={unit} />
      </Head>
      <div className={styles.facts}>
        <Facts>
          <Fact name="Process">
            {unit.pid ? (
              <Copy label="process id" text={String(unit.pid)} />
            ) : (
              <span className="dim">none</span>
            )}
          </Fact>
          <Fact name={unit.pid ? 'Up for' : 'In this state for'}>
            <Since at={unit.pid ? (unit.started_at ?? unit.since) : unit.since} />
          </Fact>
          <Fact name="Restarts">
            <span className="num">{unit.restarts}</span>
          </Fact>
          <Fact name="Command">
            <Copy label="command" text={commandLine(unit.command)} />
          </Fact>
          <Fact name="In the terminal">
            <Copy label="terminal command" text={unit.cli} />
          </Fact>
        </Facts>
      </div>
      <Tabs
        defaultValue="log"
        keepMounted={false}
        className={styles.tabs}
        classNames={{ panel: styles.panel }}
      >
        <div className={styles.list}>
          <Tabs.List className={styles.tabList}>
            <Tabs.Tab value="log">Log</Tabs.Tab>
            <Tabs.Tab value="timeline">Restarts</Tabs.Tab>
            <Tabs.Tab value="settings">Settings</Tabs.Tab>
          </Tabs.List>
          <Link
            to={`/journal?topic=unit&subject=${encodeURIComponent(unit.name)}`}
            className={`${classes.back} ${styles.journal}`}
          >
            Its events in the journal
          </Link>
        </div>
        <Tabs.Panel value="log">
          <LogView unit={unit.name} followed={followed} />
        </Tabs.Panel>
        <Tabs.Panel value="timeline">
          <Timeline filter={{ topic: 'unit', subject: unit.name }} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Settings unit={unit} />
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}

function restartWords(restart: UnitDetail['restart']): string {
  const { policy, profile, initial_ms, factor, max_ms, reset_after_ms, limit } = restart;
  if (policy === 'never') return 'never';
  const words = [
    `${policy} (${profile}): first after ${span(initial_ms)}`,
    `then ${factor} times longer, at most ${span(max_ms)}`,
    `counts from zero again after ${span(reset_after_ms)} of health`,
  ];
  if (limit !== null) words.push(`gives up after ${limit} in a row`);
  return words.join('; ');
}

function Settings({ unit }: { unit: UnitDetail }) {
  const { restart, stop } = unit;
  const rows: [string, ReactNode][] = [
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
    ['Starts by itself', unit.enabled ? (unit.held ? 'yes, but stopped by hand' : 'yes') : 'no'],
    [
      'Starts after',
      Object.entries(unit.after)
        .map(([other, state]) => `${other} is ${state}`)
        .join(', ') || 'nothing',
    ],
    ['Needed by', unit.dependents.join(', ') || 'nothing'],
    ['Restart', restartWords(restart)],
    ['Stop', `${stop.signal}, then KILL after ${span(stop.grace_ms)}`],
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
  return (
    <dl className={`${classes.card} ${styles.settings}`}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
