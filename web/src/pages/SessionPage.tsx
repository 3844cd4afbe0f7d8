/** One session: its plan, who does what and how much, what was said and decided, and its controls. */
import { Button, Menu, Modal, SegmentedControl, Select, Textarea } from '@mantine/core';
import {
  IconCheck,
  IconChevronDown,
  IconEyeCheck,
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, Navigate, useParams, useSearchParams } from 'react-router';
import { useAskReview } from '../api/review';
import {
  type SessionDetail,
  type SessionState,
  type SessionVerb,
  sessionQuery,
  useSessionVerb,
} from '../api/session';
import { Copy } from '../parts/Copy';
import { Fact, Facts } from '../parts/Facts';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { SessionAgents } from '../parts/SessionAgents';
import { SessionDecisions } from '../parts/SessionDecisions';
import { SessionDone } from '../parts/SessionDone';
import { SessionLog } from '../parts/SessionLog';
import { SessionPlan } from '../parts/SessionPlan';
import { SessionPill } from '../parts/StatePill';
import { Ago, Since } from '../parts/Time';
import { firstLine, money } from '../parts/words';
import { PlanEditor } from './PlanEditor';
import classes from './pages.module.css';
import styles from './session.module.css';

const back = { to: '/sessions', word: 'Sessions' };
const over = new Set<SessionState>(['verified', 'failed', 'cancelled']);

type Tab = 'work' | 'plan' | 'decisions' | 'log';

export function SessionPage() {
  const { id = '' } = useParams();
  const [search, setSearch] = useSearchParams();
  const { data: session, error } = useQuery(sessionQuery(id));
  if (!session) {
    return (
      <div className={classes.page}>
        <Head title={`Session ${id.slice(0, 8)}`} back={back} />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  if (session.id !== id) return <Navigate to={`/sessions/${session.id}`} replace />;
  const tab = (search.get('tab') ?? 'work') as Tab;
  return (
    <div className={classes.page}>
      <Head
        title={firstLine(session.goal)}
        pill={<SessionPill session={session} />}
        why={session.why}
        back={back}
      >
        <Controls session={session} />
      </Head>
      {session.question && <Question session={session} />}
      <About session={session} />
      <SegmentedControl
        className={styles.tabs}
        size="xs"
        aria-label="What of this session"
        value={tab}
        onChange={(value) => setSearch(value === 'work' ? {} : { tab: value }, { replace: true })}
        data={[
          { value: 'work', label: 'Work' },
          { value: 'plan', label: `Plan${session.plan ? ` ${session.plan.tasks.length}` : ''}` },
          { value: 'decisions', label: 'Reviews and decisions' },
          { value: 'log', label: 'Log' },
        ]}
      />
      {tab === 'work' && (
        <>
          <SessionAgents session={session} />
          <SessionDone session={session} />
        </>
      )}
      {tab === 'plan' && <SessionPlan session={session} />}
      {tab === 'decisions' && <SessionDecisions session={session} />}
      {tab === 'log' && <SessionLog session={session} />}
    </div>
  );
}

/** What stands still and what may be pressed; the daemon refuses what makes no sense. */
function Controls({ session }: { session: SessionDetail }) {
  const act = useSessionVerb();
  const [asking, setAsking] = useState(false);
  const button = (verb: SessionVerb, word: string, Icon: typeof IconPlayerPause) => (
    <Button
      variant="default"
      leftSection={<Icon size={16} aria-hidden />}
      loading={act.isPending && act.variables?.verb === verb}
      onClick={() => act.mutate({ id: session.id, verb }, { onError: toastProblem })}
    >
      {word}
    </Button>
  );
  const isOver = over.has(session.state);
  return (
    <div className={styles.verbs}>
      {!isOver && session.state !== 'paused' && button('pause', 'Pause', IconPlayerPause)}
      {session.state === 'paused' && button('resume', 'Resume', IconPlayerPlay)}
      {session.state === 'failed' && button('resume', 'Go on', IconPlayerPlay)}
      {!isOver && (
        <>
          <Button
            variant="default"
            leftSection={<IconEyeCheck size={16} aria-hidden />}
            onClick={() => setAsking(true)}
          >
            Review
          </Button>
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <Button
                variant="default"
                leftSection={<IconPlayerStop size={16} aria-hidden />}
                rightSection={<IconChevronDown size={14} aria-hidden />}
              >
                Stop
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>Its tasks end. What was done stays on its branch.</Menu.Label>
              <Menu.Item
                color="red"
                onClick={() =>
                  act.mutate({ id: session.id, verb: 'stop' }, { onError: toastProblem })
                }
              >
                Stop the session
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </>
      )}
      <ReviewModal session={session} opened={asking} onClose={() => setAsking(false)} />
    </div>
  );
}

interface ReviewModalProps {
  session: SessionDetail;
  opened: boolean;
  onClose: () => void;
}

function ReviewModal({ session, opened, onClose }: ReviewModalProps) {
  const ask = useAskReview();
  const [focus, setFocus] = useState('');
  // Work is reviewed, not reviews: the runs of tasks, the newest first.
  const runs = session.runs.filter(({ purpose }) => (purpose ?? 'work') === 'work').toReversed();
  const [run, setRun] = useState<string | null>(null);
  const chosen = run ?? runs[0]?.id ?? null;
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Ask for a review"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen) {
            ask.mutate({ run: chosen, focus: focus.trim() || undefined }, { onSuccess: onClose });
          }
        }}
      >
        <Select
          label="Whose work?"
          allowDeselect={false}
          value={chosen}
          onChange={setRun}
          placeholder="Nobody has worked yet"
          data={runs.map((each) => ({
            value: each.id,
            label: `${each.agent}, ${each.short}: ${firstLine(each.prompt).slice(0, 60)}`,
          }))}
        />
        <Textarea
          label="What should they look at?"
          placeholder="Everything, if you say nothing"
          autosize
          minRows={3}
          data-autofocus
          value={focus}
          onChange={(event) => setFocus(event.currentTarget.value)}
        />
        {ask.error && <ProblemNote error={ask.error} />}
        <Button type="submit" loading={ask.isPending} disabled={!chosen}>
          Ask for a review
        </Button>
      </form>
    </Modal>
  );
}

/** What the person is asked, answered here. */
function Question({ session }: { session: SessionDetail }) {
  const act = useSessionVerb();
  const [editing, setEditing] = useState(false);
  const { question } = session;
  if (!question) return null;
  const yes = (body: { anyway?: boolean }) =>
    act.mutate({ id: session.id, verb: 'approve', body }, { onError: toastProblem });
  const words: Record<typeof question.about, string> = {
    plan: 'Approve the plan',
    no_plan: 'Go on without a planner',
    merge: 'Try again',
    not_done: 'Take it as it is',
    end: 'Take the result',
  };
  return (
    <section className={`card ${styles.question}`} aria-label="It asks you" data-testid="question">
      <div className={styles.questionText}>
        <strong>{question.text}</strong>
        <span className="dim">
          <Ago at={question.since} />
        </span>
      </div>
      <div className={styles.verbs}>
        <Button
          leftSection={<IconCheck size={16} aria-hidden />}
          loading={act.isPending}
          onClick={() => yes(question.about === 'not_done' ? { anyway: true } : {})}
        >
          {words[question.about] ?? 'Yes'}
        </Button>
        {(question.about === 'plan' || question.about === 'no_plan') && (
          <Button
            variant="default"
            leftSection={<IconPencil size={16} aria-hidden />}
            onClick={() => setEditing(true)}
          >
            Edit the plan
          </Button>
        )}
      </div>
      <PlanEditor session={session} opened={editing} onClose={() => setEditing(false)} />
    </section>
  );
}

const tierWords: Record<number, string> = {
  1: 'all three roles have an agent of their own',
  2: 'no reviewer of its own',
  3: 'no implementer of its own',
  4: 'no architect of its own',
  5: 'one agent alone',
};

function About({ session }: { session: SessionDetail }) {
  const { roles } = session;
  const spent = session.shares.reduce((sum, share) => sum + share.cost_usd, 0);
  return (
    <section className={`card ${styles.about}`} aria-label="About this session">
      <Facts>
        <Fact name={over.has(session.state) ? 'Ended' : 'Runs for'}>
          {over.has(session.state) ? (
            <Ago at={session.ended_at} />
          ) : (
            <Since at={session.created_at} />
          )}
        </Fact>
        <Fact name="Tier">
          {roles.tier}, {tierWords[roles.tier] ?? 'as there are agents'}
        </Fact>
        <Fact name="Cost">
          <span className="num">
            {money(spent)}
            {session.budget_usd !== null && ` of ${money(session.budget_usd)}`}
          </span>
        </Fact>
        <Fact name="Session">
          <Copy label="session id" text={session.id}>
            {session.short}
          </Copy>
        </Fact>
        <Fact name="Branch">
          <Copy label="branch" text={session.branch} />
        </Fact>
        <Fact name="Folder">
          <Copy label="folder" text={session.target} />
        </Fact>
        <Fact name="In the terminal">
          <Copy label="terminal command" text={session.cli} />
        </Fact>
      </Facts>
      {(roles.notes.length > 0 || roles.missing.length > 0) && (
        <ul className={styles.notes}>
          {roles.missing.map((absent) => (
            <li key={absent.agent}>
              <strong>{absent.agent}</strong> is not there: {absent.why}
            </li>
          ))}
          {roles.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <div className={styles.links}>
        <Link
          to={`/journal?topic=session&subject=${encodeURIComponent(session.id)}`}
          className={classes.back}
        >
          Its events in the journal
        </Link>
        <Link to={`/board?session=${encodeURIComponent(session.id)}`} className={classes.back}>
          Its tasks on the board
        </Link>
      </div>
    </section>
  );
}
