/** One task: what is asked, why it is where it is, who did what, and what was found. */
import { Button, Modal, SegmentedControl, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { IconPencil, IconRefresh, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, Navigate, useParams, useSearchParams } from 'react-router';
import type { Run } from '../api/model';
import {
  graphQuery,
  meetings,
  overlapsQuery,
  type Priority,
  priorities,
  type TaskDetail,
  taskQuery,
  useTaskVerb,
} from '../api/task';
import { AgentName } from '../parts/AgentName';
import { verbsOf } from '../parts/board';
import { Copy } from '../parts/Copy';
import { Empty, Fact, Facts } from '../parts/Facts';
import { Fold } from '../parts/Fold';
import { Band, Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { Prose } from '../parts/Prose';
import { RunPill, TaskPill } from '../parts/StatePill';
import { TaskChecks } from '../parts/TaskChecks';
import { TaskGraph } from '../parts/TaskGraph';
import { TaskMenu } from '../parts/TaskMenu';
import { TaskReviews } from '../parts/TaskReviews';
import { TaskWhy } from '../parts/TaskWhy';
import { Ago, Countdown } from '../parts/Time';
import { Timeline } from '../parts/Timeline';
import { money, runWords } from '../parts/words';
import classes from './pages.module.css';
import styles from './task.module.css';

const back = { to: '/board', word: 'Board' };
type Tab = 'work' | 'checks' | 'why' | 'history';

export function TaskPage() {
  const { id = '' } = useParams();
  const [search, setSearch] = useSearchParams();
  const { data: task, error } = useQuery(taskQuery(id));
  if (!task) {
    return (
      <div className={classes.page}>
        <Head title={`Task ${id.slice(0, 8)}`} back={back} />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  if (task.id !== id) return <Navigate to={`/tasks/${task.id}`} replace />;
  const tab = (search.get('tab') ?? 'work') as Tab;
  return (
    <div className={classes.page}>
      <Head title={task.title} pill={<TaskPill task={task} />} why={task.why} back={back}>
        <Verbs task={task} />
      </Head>
      <About task={task} />
      <SegmentedControl
        className={styles.tabs}
        size="xs"
        aria-label="What of this task"
        value={tab}
        onChange={(value) => setSearch(value === 'work' ? {} : { tab: value }, { replace: true })}
        data={[
          { value: 'work', label: 'Work' },
          { value: 'checks', label: 'Checks and reviews' },
          { value: 'why', label: 'Why this agent' },
          { value: 'history', label: 'History' },
        ]}
      />
      {tab === 'work' && <Work task={task} />}
      {tab === 'checks' && (
        <>
          <TaskChecks task={task} />
          <TaskReviews task={task.id} />
        </>
      )}
      {tab === 'why' && <TaskWhy task={task} />}
      {tab === 'history' && <Timeline filter={{ topic: 'task', subject: task.id }} />}
    </div>
  );
}

function Verbs({ task }: { task: TaskDetail }) {
  const act = useTaskVerb();
  const [editing, setEditing] = useState(false);
  const verbs = verbsOf(task);
  return (
    <div className={styles.verbs}>
      {verbs.includes('retry') && (
        <Button
          leftSection={<IconRefresh size={16} aria-hidden />}
          loading={act.isPending && act.variables.verb === 'retry'}
          onClick={() => act.mutate({ id: task.id, verb: 'retry' }, { onError: toastProblem })}
        >
          Try again
        </Button>
      )}
      {verbs.includes('edit') && (
        <Button
          variant="default"
          leftSection={<IconPencil size={16} aria-hidden />}
          onClick={() => setEditing(true)}
        >
          Edit
        </Button>
      )}
      {verbs.includes('cancel') && (
        <Button
          variant="default"
          leftSection={<IconX size={16} aria-hidden />}
          loading={act.isPending && act.variables.verb === 'cancel'}
          onClick={() => act.mutate({ id: task.id, verb: 'cancel' }, { onError: toastProblem })}
        >
          Cancel
        </Button>
      )}
      <TaskMenu task={task} size={34} />
      <Modal
        opened={editing}
        onClose={() => setEditing(false)}
        title="Edit the task"
        size="lg"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <EditForm task={task} onDone={() => setEditing(false)} />
      </Modal>
    </div>
  );
}

function EditForm({ task, onDone }: { task: TaskDetail; onDone: () => void }) {
  const act = useTaskVerb();
  const [title, setTitle] = useState(task.title);
  const [prompt, setPrompt] = useState(task.prompt);
  const [priority, setPriority] = useState<Priority>(task.priority);
  const [evidence, setEvidence] = useState(task.evidence.join('\n'));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const lines = evidence
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== '');
        // What is not changed is not said.
        const body = {
          ...(title !== task.title && { title }),
          ...(prompt !== task.prompt && { prompt }),
          ...(priority !== task.priority && { priority }),
          ...(lines.join('\n') !== task.evidence.join('\n') && { evidence: lines }),
        };
        act.mutate({ id: task.id, verb: 'edit', body }, { onSuccess: onDone });
      }}
    >
      <Stack gap="md">
        <TextInput
          label="Title"
          data-autofocus
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <Textarea
          label="What should be done?"
          autosize
          minRows={4}
          maxRows={16}
          value={prompt}
          onChange={(event) => setPrompt(event.currentTarget.value)}
        />
        <Select
          label="Priority"
          maw={200}
          allowDeselect={false}
          value={priority}
          onChange={(value) => value && setPriority(value as Priority)}
          data={priorities}
        />
        <Textarea
          label="Evidence"
          description="One check a line."
          autosize
          minRows={2}
          value={evidence}
          onChange={(event) => setEvidence(event.currentTarget.value)}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        />
        {act.error && <ProblemNote error={act.error} />}
        <Button type="submit" loading={act.isPending} style={{ alignSelf: 'flex-end' }}>
          Save
        </Button>
      </Stack>
    </form>
  );
}

function About({ task }: { task: TaskDetail }) {
  const agent = task.claim?.agent;
  const spent = task.runs_detail.reduce((sum, run) => sum + (run.usage?.cost_usd ?? 0), 0);
  return (
    <section className={`card ${styles.about}`} aria-label="About this task">
      <Facts>
        <Fact name="Agent">
          {agent ? (
            <AgentName name={agent} />
          ) : task.assigned ? (
            <>
              for <AgentName name={task.assigned} />
            </>
          ) : (
            'nobody yet'
          )}
        </Fact>
        <Fact name="Kind">{task.kind}</Fact>
        <Fact name="Priority">{task.priority}</Fact>
        <Fact name="Tries">
          <span className="num">
            {task.tries} of {task.tries_max}
            {task.poison && ', set aside'}
          </span>
        </Fact>
        {task.not_before && task.state === 'ready' && (
          <Fact name="Tried again">
            <Countdown at={task.not_before} />
          </Fact>
        )}
        <Fact name="Cost">
          <span className="num">
            {money(spent)}
            {task.budget_usd !== null && ` of ${money(task.budget_usd)}`}
          </span>
        </Fact>
        <Fact name="Changed">
          <Ago at={task.updated_at} />
        </Fact>
        {task.merged && (
          <Fact name="Merged">
            <Copy label="commit" text={task.merged}>
              {task.merged.slice(0, 10)}
            </Copy>
          </Fact>
        )}
        <Fact name="Task">
          <Copy label="task id" text={task.id}>
            {task.short}
          </Copy>
        </Fact>
        <Fact name="In the terminal">
          <Copy label="terminal command" text={task.cli} />
        </Fact>
      </Facts>
      <div className={styles.links}>
        {task.session && (
          <Link to={`/sessions/${task.session}`} className={classes.back}>
            Its session
          </Link>
        )}
        {task.parent && (
          <Link to={`/tasks/${task.parent}`} className={classes.back}>
            What it is a part of
          </Link>
        )}
        <Link
          to={`/journal?topic=task&subject=${encodeURIComponent(task.id)}`}
          className={classes.back}
        >
          Its events in the journal
        </Link>
      </div>
    </section>
  );
}

function Work({ task }: { task: TaskDetail }) {
  return (
    <>
      <Band title="What is asked">
        <div className={styles.pad}>
          <Prose text={task.prompt} />
        </div>
        {task.evidence.length > 0 && (
          <p className={styles.pad}>
            Believed when found: <span className="mono">{task.evidence.join(', ')}</span>
          </p>
        )}
        {task.context && (
          <div className={styles.pad}>
            <Fold head="What the next attempt is told of those before">
              <Prose text={task.context} />
            </Fold>
          </div>
        )}
        {task.result && (
          <div className={styles.pad}>
            <strong className={styles.small}>What its agent said at the end</strong>
            <Prose text={task.result} />
          </div>
        )}
      </Band>
      <Overlaps task={task} />
      <Around task={task} />
      <Parts task={task} />
      <Band title="Runs" note={task.runs.length || undefined}>
        {task.runs.length === 0 && <Empty>Nobody has worked on it yet.</Empty>}
        <ul className={classes.rows} aria-label="Runs">
          {task.runs_detail.toReversed().map((run) => (
            <RunRow key={run.id} run={run} />
          ))}
        </ul>
      </Band>
    </>
  );
}

/** Where its work meets that of others, before either is done. */
function Overlaps({ task }: { task: TaskDetail }) {
  const { data } = useQuery(overlapsQuery);
  const meets = meetings(data ?? [], task.id);
  if (meets.length === 0) return null;
  return (
    <Band title="In each other's way" note={meets.length}>
      <ul className={classes.rows} aria-label="Overlaps">
        {meets.map((meet) => (
          <li
            key={`${meet.task} ${meet.agent} ${meet.paths.join()}`}
            className={styles.pad}
            data-overlap={meet.level}
          >
            <strong style={{ color: meet.level === 'hot' ? 'var(--red)' : 'var(--amber)' }}>
              {meet.level === 'hot' ? 'The same lines' : 'The same file'}
            </strong>{' '}
            of <span className="mono">{meet.paths.join(', ')}</span> as{' '}
            <AgentName name={meet.agent} />
            {meet.task && (
              <>
                {' in '}
                <Link to={`/tasks/${meet.task}`} className="link">
                  another task
                </Link>
              </>
            )}
          </li>
        ))}
      </ul>
    </Band>
  );
}

/** All that it waits for and all that waits for it, near and far. */
function Around({ task }: { task: TaskDetail }) {
  const { data: near = [] } = useQuery(graphQuery({ task: task.id }));
  if (task.depends.length + task.dependents.length === 0) return null;
  return (
    <Band
      title="Before and after it"
      note={`${task.depends.length} before, ${task.dependents.length} after`}
    >
      <TaskGraph
        current={task.id}
        label="Tasks around it"
        tasks={near.map((each) => ({
          id: each.id,
          title: each.title,
          state: each.state,
          agent: each.agent,
          depends: each.depends,
          to: `/tasks/${each.id}`,
        }))}
      />
    </Band>
  );
}

function Parts({ task }: { task: TaskDetail }) {
  if (task.children.length === 0) return null;
  return (
    <Band title="Its parts" note={task.children.length}>
      <ul className={classes.rows} aria-label="Its parts">
        {task.children.map((child) => (
          <li key={child.id} className={classes.line}>
            <span className={classes.state}>
              <TaskPill task={child} />
            </span>
            <div className={classes.grow}>
              <Link to={`/tasks/${child.id}`} className={classes.open} data-row>
                {child.title}
              </Link>
            </div>
          </li>
        ))}
      </ul>
    </Band>
  );
}

function RunRow({ run }: { run: Run }) {
  return (
    <li className={classes.line} data-run={run.id}>
      <span className={classes.state}>
        <RunPill run={run} />
      </span>
      <div className={classes.grow}>
        <Link to={`/runs/${run.id}`} className={classes.open} data-row>
          {run.agent}, run {run.short}
        </Link>
        <div className="dim clip">{runWords(run)}</div>
      </div>
      <div className={classes.meta}>
        {run.usage?.cost_usd != null && <span className="num">{money(run.usage.cost_usd)}</span>}
        <Ago at={run.ended_at ?? run.last_event_at ?? run.created_at} />
      </div>
    </li>
  );
}
