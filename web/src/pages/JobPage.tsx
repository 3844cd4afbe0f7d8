/** One job: its last runs, what its command wrote, its settings. */
import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import type { JobDetail, JobRun } from '../api/model';
import { jobQuery } from '../api/queries';
import { span } from '../live/clock';
import { useLog } from '../live/useLog';
import { Copy, commandLine } from '../parts/Copy';
import { Empty, Fact, Facts } from '../parts/Facts';
import { JobActions } from '../parts/JobActions';
import { LogView } from '../parts/LogView';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { JobPill, OutcomePill } from '../parts/StatePill';
import { Ago } from '../parts/Time';
import { many } from '../parts/words';
import { Next } from './Jobs';
import styles from './jobs.module.css';
import classes from './pages.module.css';
import { Rows } from './UnitSettings';
import unitStyles from './unit.module.css';

const back = { to: '/jobs', word: 'Jobs' };

export function JobPage() {
  const { name = '' } = useParams();
  return <OneJob key={name} name={name} />;
}

function OneJob({ name }: { name: string }) {
  const { data: job, error } = useQuery(jobQuery(name));
  if (!job) {
    return (
      <div className={classes.page}>
        <Head title={name} back={back} />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  return (
    <div className={`${classes.page} ${classes.fill}`}>
      <Head title={job.name} pill={<JobPill job={job} />} back={back} why={job.why}>
        <JobActions job={job} />
      </Head>
      <div className={unitStyles.facts}>
        <Facts>
          <Fact name="Timetable">{job.schedule}</Fact>
          <Fact name="Next run">
            <span className="num">
              <Next job={job} />
            </span>
          </Fact>
          <Fact name="Failures in a row">
            <span className="num">{job.failures}</span>
          </Fact>
          <Fact name="In the terminal">
            <Copy label="terminal command" text={job.cli} />
          </Fact>
        </Facts>
      </div>
      <Tabs
        defaultValue="runs"
        keepMounted={false}
        className={unitStyles.tabs}
        classNames={{ panel: unitStyles.panel }}
      >
        <div className={unitStyles.list}>
          <Tabs.List className={unitStyles.tabList}>
            <Tabs.Tab value="runs">Runs</Tabs.Tab>
            {job.kind === 'command' && <Tabs.Tab value="log">Log</Tabs.Tab>}
            <Tabs.Tab value="settings">Settings</Tabs.Tab>
          </Tabs.List>
          <Link
            to={`/journal?topic=job&subject=${encodeURIComponent(job.name)}`}
            className={`${classes.back} ${unitStyles.journal}`}
          >
            Its events in the journal
          </Link>
        </div>
        <Tabs.Panel value="runs">
          <History job={job} />
        </Tabs.Panel>
        <Tabs.Panel value="log">
          <JobLog name={job.name} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Settings job={job} />
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}

function JobLog({ name }: { name: string }) {
  const followed = useLog(`/api/v1/jobs/${encodeURIComponent(name)}/logs`);
  return <LogView name={name} cliName={`job:${name}`} followed={followed} />;
}

function History({ job }: { job: JobDetail }) {
  return (
    <div className={`${classes.card} ${unitStyles.whole}`}>
      {job.history.length === 0 && <Empty>It has not run yet.</Empty>}
      <ol className={classes.rows} aria-label="Runs of the job">
        {job.history.map((run) => (
          <Past key={run.number} run={run} />
        ))}
      </ol>
    </div>
  );
}

const triggers: Record<string, string> = {
  schedule: 'by timetable',
  missed: 'missed before',
  asked: 'by hand',
  retry: 'tried again',
  immediate: 'at start',
};

function Past({ run }: { run: JobRun }) {
  const words = run.why ?? run.summary ?? run.exit?.words ?? '';
  const said = run.outcome === 'failed' ? run.exit?.last_lines?.at(-1) : undefined;
  return (
    <li className={styles.history} data-run={run.number}>
      <span className="dim num">{run.number}</span>
      <span>
        <OutcomePill run={run} />
      </span>
      <span className={styles.words}>
        {words}
        {said && <span className="mono"> {said}</span>}
        {run.run && (
          <>
            {' '}
            <Link to={`/runs/${run.run}`} className="link">
              Open the run
            </Link>
          </>
        )}
        <span className="dim">
          {words && ' · '}
          {triggers[run.trigger] ?? run.trigger}
          {run.attempt > 1 && `, attempt ${run.attempt}`}
        </span>
      </span>
      <span className={`${classes.cell} ${styles.end} ${styles.took} num`}>
        {span(run.took_ms)}
      </span>
      <span className={`${classes.cell} ${styles.end}`}>
        <Ago at={run.started_at} />
      </span>
    </li>
  );
}

const overlaps: Record<string, string> = {
  skip: 'the new one is left out',
  queue: 'the new one follows',
  restart: 'the old one is ended',
};

function Settings({ job }: { job: JobDetail }) {
  const action =
    job.command.length > 0 ? (
      <Copy key="command" label="command" text={commandLine(job.command)} />
    ) : (
      job.action
    );
  const words: Record<string, string> = { run: 'Asks', builtin: 'Built in' };
  const rows: [string, React.ReactNode][] = [[words[job.kind] ?? 'Command', action]];
  if (job.agent) rows.push(['Agent', job.agent]);
  if (job.folder) rows.push(['Folder', <Copy key="folder" label="folder" text={job.folder} />]);
  if (job.env_keys.length > 0) rows.push(['Environment', job.env_keys.join(', ')]);
  rows.push(
    ['Keeps its timetable', `${job.enabled ? 'yes' : 'no'}${job.by_hand ? ', said by hand' : ''}`],
    ['Still running', overlaps[job.overlap] ?? job.overlap],
    ['Missed times', job.missed === 'once' ? 'it runs once' : 'are left out'],
    [
      'Later by chance',
      job.jitter > 0 ? `by at most ${Math.round(job.jitter * 100)} % of the period` : 'no',
    ],
    ['May take', job.timeout_ms === null ? 'as long as it wants' : span(job.timeout_ms)],
    [
      'When it fails',
      job.retry_times === 0
        ? 'it waits for its next time'
        : `it is tried again ${many(job.retry_times, 'time')}, ${span(job.retry_wait_ms)} later`,
    ],
  );
  if (job.immediate) rows.push(['At start', 'it runs when the daemon starts, too']);
  return <Rows rows={rows} />;
}
