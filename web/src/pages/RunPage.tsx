/** One run: the conversation as it happens, what it cost, and what it changed. */
import { Button, SegmentedControl, Tooltip } from '@mantine/core';
import {
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
  IconRefresh,
  IconShieldOff,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Navigate, useParams, useSearchParams } from 'react-router';
import type { RunAnswer, RunDetail } from '../api/model';
import { agentsQuery, approvalsQuery, type RunVerb, runQuery, useRunVerb } from '../api/queries';
import { ApprovalCard } from '../parts/ApprovalCard';
import { Conversation } from '../parts/Conversation';
import { Copy } from '../parts/Copy';
import { Diff } from '../parts/Diff';
import { Evidence } from '../parts/Evidence';
import { Fact, Facts } from '../parts/Facts';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { RunPill } from '../parts/StatePill';
import { Ago, Since } from '../parts/Time';
import { count, firstLine, many, money } from '../parts/words';
import classes from './pages.module.css';
import styles from './run.module.css';

const back = { to: '/runs', word: 'Runs' };
const ended = new Set<RunDetail['state']>([
  'reported',
  'verified',
  'refuted',
  'failed',
  'cancelled',
  'lost',
]);

type Tab = 'conversation' | 'changes' | 'checks';

export function RunPage() {
  const { id = '' } = useParams();
  const [search, setSearch] = useSearchParams();
  const { data: run, error } = useQuery(runQuery(id));

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
  const tab = (search.get('tab') ?? 'conversation') as Tab;
  const checks = run.checks?.all ? ` ${run.checks.passed}/${run.checks.all}` : '';
  const changed = run.files_changed?.length ? ` ${run.files_changed.length}` : '';
  return (
    <div className={`${classes.page} ${classes.fill}`}>
      <Head title={firstLine(run.prompt)} pill={<RunPill run={run} />} why={run.why} back={back}>
        <Verbs run={run} over={over} />
      </Head>
      <Asked run={run.id} />
      <SegmentedControl
        className={styles.tabs}
        size="xs"
        aria-label="What of this run"
        value={tab}
        onChange={(value) =>
          setSearch(value === 'conversation' ? {} : { tab: value }, { replace: true })
        }
        data={[
          { value: 'conversation', label: 'Conversation' },
          { value: 'changes', label: `Changes${changed}` },
          { value: 'checks', label: `Checks${checks} and cost` },
        ]}
      />
      <div className={styles.columns}>
        <div className={styles.talk}>
          {tab === 'conversation' && (
            <>
              {run.stream_cut && (
                <p className={classes.why}>
                  This run is long: only its newest part is shown.{' '}
                  <Link to={journalOf(run)} className={styles.link}>
                    All of it is in the journal.
                  </Link>
                </p>
              )}
              <Conversation key={run.id} run={run} />
            </>
          )}
          {tab === 'changes' && (
            <div className={styles.scroll}>
              <Diff run={run.id} live={!over} />
            </div>
          )}
          {tab === 'checks' && (
            <div className={styles.scroll}>
              {run.evidence && <Evidence evidence={run.evidence} />}
              <Denied run={run} />
              <Spent run={run} />
              <Attempts run={run} />
            </div>
          )}
        </div>
        <aside className={styles.aside} aria-label="About this run">
          <About run={run} over={over} />
        </aside>
      </div>
    </div>
  );
}

/** What this run asks now, answered here. */
function Asked({ run }: { run: string }) {
  const { data } = useQuery(approvalsQuery('pending'));
  const asked = data?.approvals.filter((approval) => approval.run === run) ?? [];
  if (asked.length === 0) return null;
  return (
    <section className={`${classes.card} ${styles.asked}`} aria-label="It asks you">
      {asked.map((approval, index) => (
        <ApprovalCard key={approval.id} approval={approval} current={index === 0} />
      ))}
    </section>
  );
}

function Verbs({ run, over }: { run: RunDetail; over: boolean }) {
  const act = useRunVerb();
  const button = (verb: RunVerb, word: string, Icon: typeof IconPlayerStop) => (
    <Button
      variant="default"
      leftSection={<Icon size={16} aria-hidden />}
      loading={act.isPending && act.variables?.verb === verb}
      onClick={() => act.mutate({ id: run.id, verb }, { onError: toastProblem })}
    >
      {word}
    </Button>
  );
  const answers = run.wait?.answers ?? [];
  const waits = run.state === 'paused' || run.state === 'suspended' || run.state === 'failed';
  return (
    <div className={styles.verbs}>
      {run.state === 'running' && button('pause', 'Pause', IconPlayerPause)}
      {waits && answers.length === 0 && button('resume', 'Resume', IconPlayerPlay)}
      {answers.map((answer) => (
        <Button
          key={answer}
          variant="default"
          loading={act.isPending}
          onClick={() =>
            act.mutate({ id: run.id, verb: 'answer', body: { answer } }, { onError: toastProblem })
          }
        >
          {answerWords[answer]}
        </Button>
      ))}
      {(run.state === 'refuted' || run.state === 'verified') &&
        button('verify', 'Check again', IconRefresh)}
      {!over && button('stop', 'Stop', IconPlayerStop)}
    </div>
  );
}

const answerWords: Record<RunAnswer, string> = {
  retry: 'Try again',
  fixed: 'I have mended it',
  abort: 'Give it up',
};

/** What the gate did not let through. */
function Denied({ run }: { run: RunDetail }) {
  if (!run.violations?.length) return null;
  return (
    <section className={`${classes.card} ${styles.box}`} aria-label="Not allowed">
      <h2 className={styles.boxTitle}>
        Not allowed <span className="num">{run.violations_count}</span>
      </h2>
      <ul className={styles.denied}>
        {run.violations.map((violation) => (
          <li key={violation.seq}>
            <code className="mono">{violation.command}</code>
            <span className="dim">
              {violation.reason} <span className="mono">{violation.rule}</span>,{' '}
              <Ago at={violation.at} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The lives of its agent, when there was more than one. */
function Attempts({ run }: { run: RunDetail }) {
  if (!run.attempts || run.attempts.length < 2) return null;
  return (
    <section className={`${classes.card} ${styles.box}`} aria-label="Attempts">
      <h2 className={styles.boxTitle}>Attempts {run.attempts.length}</h2>
      <ul className={styles.denied}>
        {run.attempts.map((attempt) => (
          <li key={attempt.number}>
            <span>
              {attempt.number}. {attempt.begun}
              {attempt.because && `: ${attempt.because}`}
            </span>
            <span className="dim">
              {many(attempt.events, 'event')}, {count(attempt.tokens)} tokens,{' '}
              <Ago at={attempt.started_at} />
              {attempt.words && `. ${attempt.words}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The four classes of tokens, and the cost beside what it may cost. */
function Spent({ run }: { run: RunDetail }) {
  const { usage, budget_usd: budget } = run;
  return (
    <section className={`${classes.card} ${styles.box}`} aria-label="Cost">
      <h2 className={styles.boxTitle}>Cost</h2>
      {!usage && <p className="dim">Nothing was used yet.</p>}
      {usage && (
        <Facts>
          <Fact name="Read, fresh">
            <span className="num">{usage.fresh_input.toLocaleString('en-US')}</span>
          </Fact>
          <Fact name="Read from the cache">
            <span className="num">{usage.cache_read.toLocaleString('en-US')}</span>
          </Fact>
          <Fact name="Written to the cache">
            <span className="num">{usage.cache_write.toLocaleString('en-US')}</span>
          </Fact>
          <Fact name="Written">
            <span className="num">{usage.output.toLocaleString('en-US')}</span>
          </Fact>
          <Fact name="Cost">
            <span className="num">
              {usage.cost_usd != null ? money(usage.cost_usd) : 'not known'}
              {budget != null && ` of ${money(budget)}`}
            </span>
          </Fact>
        </Facts>
      )}
      <Link to="/money" className={classes.back}>
        All that agents cost
      </Link>
    </section>
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
  const { data: known } = useQuery(agentsQuery);
  const free = known?.agents.find(({ name }) => name === run.agent)?.sandbox === 'off';
  return (
    <>
      <section className={`${classes.card} ${styles.box}`}>
        <Facts>
          <Fact name="Agent">{run.agent}</Fact>
          {free && (
            <Fact name="Boundary">
              <Tooltip label="Its agent works with all rights of the user who started the daemon.">
                <span className={styles.free}>
                  <IconShieldOff size={14} aria-hidden /> sandbox off
                </span>
              </Tooltip>
            </Fact>
          )}
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
          {run.task && (
            <Fact name="Task" wide>
              <Link to={`/tasks/${run.task}`} className="link">
                its task
              </Link>
            </Fact>
          )}
          {run.session && (
            <Fact name="Session" wide>
              <Link to={`/sessions/${run.session}`} className="link">
                its session
              </Link>
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
