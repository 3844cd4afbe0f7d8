/** One unit: what it does, why, and its log as it is written. */
import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import type { UnitDetail } from '../api/model';
import { unitQuery } from '../api/queries';
import { useLog } from '../live/useLog';
import { Checks } from '../parts/Checks';
import { Copy, commandLine } from '../parts/Copy';
import { Fact, Facts } from '../parts/Facts';
import { LastHour, lifeFilter } from '../parts/LastHour';
import { LogView } from '../parts/LogView';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { ProbePill, saysMore, UnitPill } from '../parts/StatePill';
import { Countdown, Since } from '../parts/Time';
import { Timeline } from '../parts/Timeline';
import { UnitActions } from '../parts/UnitActions';
import { Usage } from '../parts/Usage';
import classes from './pages.module.css';
import { UnitSettings } from './UnitSettings';
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
  const followed = useLog(`/api/v1/units/${encodeURIComponent(name)}/logs`);

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
        pill={
          <>
            <UnitPill unit={unit} />
            {unit.ready && <ProbePill question="ready" says={unit.ready} />}
            {unit.live && <ProbePill question="live" says={unit.live} />}
          </>
        }
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
            {unit.status && <> It says: “{unit.status}”.</>}
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
      <Usage unit={unit} />
      <Tabs
        defaultValue="log"
        keepMounted={false}
        className={styles.tabs}
        classNames={{ panel: styles.panel }}
      >
        <div className={styles.list}>
          <Tabs.List className={styles.tabList}>
            <Tabs.Tab value="log">Log</Tabs.Tab>
            <Tabs.Tab value="checks">Checks</Tabs.Tab>
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
          <LogView name={unit.name} followed={followed} />
        </Tabs.Panel>
        <Tabs.Panel value="checks">
          <Checks unit={unit} />
        </Tabs.Panel>
        <Tabs.Panel value="timeline">
          <LastHour unit={unit} />
          <Timeline filter={lifeFilter(unit.name)} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <UnitSettings unit={unit} />
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}
