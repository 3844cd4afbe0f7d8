/** What is done on a timetable: when it ran, how it went, when it runs next. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import type { Job } from '../api/model';
import { jobsQuery } from '../api/queries';
import { useGlow } from '../live/useGlow';
import { Empty } from '../parts/Facts';
import { JobActions } from '../parts/JobActions';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { JobPill, OutcomePill } from '../parts/StatePill';
import { Ago, Countdown } from '../parts/Time';
import { useRowKeys } from '../parts/useRowKeys';
import { firstLine } from '../parts/words';
import styles from './jobs.module.css';
import classes from './pages.module.css';

export function Jobs() {
  const { data, error } = useQuery(jobsQuery);
  useRowKeys();
  return (
    <div className={classes.page}>
      <Head title="Jobs" why="What is done on a timetable." />
      {!data && (error ? <ProblemNote error={error} /> : <Waiting />)}
      {data && (
        <div className={classes.card}>
          <div className={`${styles.row} ${styles.titles} ${classes.columns}`} aria-hidden="true">
            <span>State</span>
            <span>Job</span>
            <span>Last run</span>
            <span>Next run</span>
            <span />
          </div>
          {data.length === 0 && (
            <Empty>
              No jobs yet. Add one under <span className="mono">jobs</span> in the configuration.
            </Empty>
          )}
          <ul className={classes.rows} aria-label="Jobs">
            {data.map((job) => (
              <Row key={job.name} job={job} />
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

/** When it runs next; a wait after a failure comes before the timetable. */
export function Next({ job }: { job: Job }) {
  const at = job.retry_at ?? job.next_at;
  if (!at) return <span className="dim">{job.enabled ? '–' : 'not by itself'}</span>;
  return (
    <>
      {job.retry_at && 'again '}
      <Countdown at={at} />
    </>
  );
}

function Row({ job }: { job: Job }) {
  const { last } = job;
  const glow = useGlow<HTMLLIElement>(`${job.state} ${last?.number} ${job.enabled}`);
  return (
    <li className={`${styles.row} ${styles.job}`} ref={glow} data-job={job.name}>
      <span>
        <JobPill job={job} />
      </span>
      <span className={styles.what}>
        <Link to={`/jobs/${encodeURIComponent(job.name)}`} className={classes.open} data-row>
          {job.name}
        </Link>
        <span className={`${classes.cell} ${styles.sub}`}>
          {job.schedule}
          <span aria-hidden="true"> · </span>
          <span className={job.kind === 'run' ? undefined : 'mono'}>{firstLine(job.action)}</span>
        </span>
      </span>
      <span className={styles.last} data-label="Last run">
        {last ? (
          <>
            <OutcomePill run={last} />
            <span className={classes.cell}>
              <Ago at={last.ended_at ?? last.started_at} />
              {job.failures > 1 && (
                <span className={styles.failures}>, {job.failures} in a row</span>
              )}
            </span>
          </>
        ) : (
          <span className="dim">never ran</span>
        )}
      </span>
      <span className={`${classes.cell} num`} data-label="Next run">
        <Next job={job} />
      </span>
      <span className={`${styles.actions} ${classes.above}`}>
        <JobActions job={job} compact />
      </span>
    </li>
  );
}
