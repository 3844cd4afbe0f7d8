/** One run: the conversation as it happens, what it cost, and what it changed. */
import { Button } from '@mantine/core';
import { IconPlayerStop } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Navigate, useParams } from 'react-router';
import type { RunDetail } from '../api/model';
import { runQuery, useStopRun } from '../api/queries';
import { Conversation } from '../parts/Conversation';
import { Copy } from '../parts/Copy';
import { Fact, Facts } from '../parts/Facts';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { RunPill } from '../parts/StatePill';
import { Ago, Since } from '../parts/Time';
import { count, firstLine, many, money } from '../parts/words';
import classes from './pages.module.css';
import styles from './run.module.css';

const back = { to: '/runs', word: 'Runs' };
const ended = new Set<RunDetail['state']>(['reported', 'failed', 'cancelled', 'lost']);

export function RunPage() {
  const { id = '' } = useParams();
  const { data: run, error } = useQuery(runQuery(id));
  const stop = useStopRun();

  if (!run) {
    return (
      <div className={classes.page}>
        <Head title={`Run ${id.slice(0, 8)}`} back={back} />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  // The end of an id is enough to find a run; events say the whole id.
  if (run.id !== id) return <Navigate to={`/runs/${run.id}`} replace />;
  const over = ended.has(run.state);
  return (
    <div className={`${classes.page} ${classes.fill}`}>
      <Head title={firstLine(run.prompt)} pill={<RunPill run={run} />} why={run.why} back={back}>
        {!over && (
          <Button
            variant="default"
            leftSection={<IconPlayerStop size={16} aria-hidden />}
            loading={stop.isPending}
            onClick={() => stop.mutate(run.id, { onError: toastProblem })}
          >
            Stop
          </Button>
        )}
      </Head>
      <div className={styles.columns}>
        <div className={styles.talk}>
          {run.stream_cut && (
            <p className={classes.why}>
              This run is long: only its newest part is shown.{' '}
              <Link to={journalOf(run)} className={styles.link}>
                All of it is in the journal.
              </Link>
            </p>
          )}
          <Conversation key={run.id} run={run} />
        </div>
        <aside className={styles.aside} aria-label="About this run">
          <About run={run} over={over} />
        </aside>
      </div>
    </div>
  );
}

const journalOf = ({ id }: RunDetail) => `/journal?topic=run&subject=${encodeURIComponent(id)}`;

const fileWords: Record<string, string> = {
  A: 'new',
  '?': 'new',
  M: 'changed',
  T: 'changed',
  D: 'deleted',
  R: 'renamed',
  C: 'copied',
};

const fileWord = (status: string) => fileWords[status.charAt(0)] ?? status;

function About({ run, over }: { run: RunDetail; over: boolean }) {
  const { usage } = run;
  return (
    <>
      <section className={`${classes.card} ${styles.box}`}>
        <Facts>
          <Fact name="Agent">{run.agent}</Fact>
          <Fact name="Cost">
            <span className="num">
              {usage?.cost_usd != null ? money(usage.cost_usd) : 'not known'}
            </span>
          </Fact>
          <Fact name={over ? 'Ended' : 'Running for'}>
            {over ? <Ago at={run.ended_at} /> : <Since at={run.started_at ?? run.created_at} />}
          </Fact>
          {usage && (
            <>
              <Fact name="Read">
                <span
                  className="num"
                  title={`${usage.fresh_input} fresh, ${usage.cache_read} from the cache`}
                >
                  {count(usage.fresh_input + usage.cache_read + usage.cache_write)}
                </span>
              </Fact>
              <Fact name="Written">
                <span className="num">{count(usage.output)}</span>
              </Fact>
            </>
          )}
          {run.pid && (
            <Fact name="Process">
              <Copy label="process id" text={String(run.pid)} />
            </Fact>
          )}
          <Fact name="Run" wide>
            <Copy label="run id" text={run.id}>
              {run.short}
            </Copy>
          </Fact>
          {run.branch && (
            <Fact name="Branch" wide>
              <Copy label="branch" text={run.branch} />
            </Fact>
          )}
          {run.worktree && (
            <Fact name="Worktree" wide>
              <Copy label="worktree" text={run.worktree} />
            </Fact>
          )}
          {!!run.uncommitted && (
            <Fact name="Not in the worktree" wide>
              {many(run.uncommitted, 'uncommitted change')}
            </Fact>
          )}
          <Fact name="In the terminal" wide>
            <Copy label="terminal command" text={run.cli} />
          </Fact>
        </Facts>
        <Link to={journalOf(run)} className={classes.back}>
          Its events in the journal
        </Link>
      </section>
      <section className={`${classes.card} ${styles.box}`} aria-label="Files changed">
        <h2 className={styles.boxTitle}>
          Files changed{run.files_changed?.length ? ` ${run.files_changed.length}` : ''}
        </h2>
        {run.files_changed?.length ? (
          <ul className={classes.files}>
            {run.files_changed.map((file) => (
              <li key={file.path}>
                <span className={`${styles.status} dim`}>{fileWord(file.status)}</span>
                <span className="mono">{file.path}</span>
              </li>
            ))}
          </ul>
        ) : (
          <p className="dim">{over ? 'None.' : 'None so far.'}</p>
        )}
      </section>
    </>
  );
}
