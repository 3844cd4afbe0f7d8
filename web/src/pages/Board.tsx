/** The board: every task in the column of its state. A drop is a real transition, or says why it is none. */
import { Button, SegmentedControl, Select } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { agentsQuery, newestRunsQuery } from '../api/queries';
import { sessionsQuery } from '../api/session';
import {
  graphQuery,
  type Overlap,
  overlapsQuery,
  type Task,
  type TaskFilter,
  type TaskVerb,
  useTaskVerb,
} from '../api/task';
import { AgentName } from '../parts/AgentName';
import { BoardColumn } from '../parts/BoardColumn';
import { type ColumnId, columns, moveTo, verbsOf } from '../parts/board';
import classes from '../parts/board.module.css';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { TaskGraph } from '../parts/TaskGraph';
import { sayMoved } from '../parts/TaskMenu';
import { useRowKeys } from '../parts/useRowKeys';
import { firstLine } from '../parts/words';
import { NewTask } from './NewTask';
import pages from './pages.module.css';

export function Board() {
  const [params, setParams] = useSearchParams();
  const filter: TaskFilter = {
    session: params.get('session') ?? undefined,
    agent: params.get('agent') ?? undefined,
  };
  const view = params.get('view') === 'graph' ? 'graph' : 'board';
  useRowKeys();
  const change = (key: string, value: string | null) => {
    const next = new URLSearchParams(params);
    if (value) next.set(key, value);
    else next.delete(key);
    setParams(next, { replace: true });
  };
  return (
    <div className={`${pages.page} ${pages.fill}`}>
      <Head title="Board">
        <div className={classes.filters}>
          <Filters filter={filter} onChange={change} />
          <SegmentedControl
            size="xs"
            aria-label="How to show them"
            value={view}
            onChange={(value) => change('view', value === 'graph' ? value : null)}
            data={[
              { value: 'board', label: 'Board' },
              { value: 'graph', label: 'Graph' },
            ]}
          />
          <Button
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => change('new', 'task')}
          >
            New task
          </Button>
        </div>
      </Head>
      {view === 'board' ? <Columns filter={filter} /> : <Graph filter={filter} />}
      <NewTask
        opened={params.has('new')}
        session={filter.session}
        onClose={() => change('new', null)}
      />
    </div>
  );
}

interface FiltersProps {
  filter: TaskFilter;
  onChange: (key: string, value: string | null) => void;
}

function Filters({ filter, onChange }: FiltersProps) {
  const { data: agents } = useQuery(agentsQuery);
  const { data: sessions } = useInfiniteQuery(sessionsQuery);
  const known = sessions?.pages.flatMap((page) => page.sessions) ?? [];
  return (
    <>
      <Select
        size="xs"
        w={200}
        aria-label="Only tasks of this session"
        placeholder="All sessions"
        clearable
        clearButtonProps={{ 'aria-label': 'Show all sessions' }}
        searchable
        value={filter.session ?? null}
        onChange={(value) => onChange('session', value)}
        data={known.map((session) => ({
          value: session.id,
          label: `${firstLine(session.goal).slice(0, 60)} (${session.short})`,
        }))}
      />
      <Select
        size="xs"
        w={140}
        aria-label="Only tasks of this agent"
        placeholder="All agents"
        clearable
        clearButtonProps={{ 'aria-label': 'Show all agents' }}
        value={filter.agent ?? null}
        onChange={(value) => onChange('agent', value)}
        data={agents?.agents.map(({ name }) => name) ?? []}
      />
    </>
  );
}

const none: Overlap[] = [];

function Columns({ filter }: { filter: TaskFilter }) {
  const act = useTaskVerb();
  const [dragged, setDragged] = useState<Task | null>(null);
  const { data: newest } = useQuery(newestRunsQuery);
  const { data: overlaps = none } = useQuery(overlapsQuery);
  const runs = useMemo(() => new Map(newest?.map((run) => [run.id, run])), [newest]);
  const ask = (task: Task, verb: TaskVerb, body?: unknown) => {
    setDragged(null);
    act.mutate({ id: task.id, verb, body }, { onError: toastProblem });
  };
  const drop = (task: Task, to: ColumnId) => {
    const move = moveTo(task, to);
    setDragged(null);
    if (!move) return;
    if ('sentence' in move) sayMoved(move.sentence);
    else ask(task, move.verb);
  };
  const onDrag = useCallback((task: Task | null) => setDragged(task), []);
  return (
    <>
      <div className={classes.board} data-testid="board">
        {columns.map((column) => (
          <BoardColumn
            key={column.id}
            column={column}
            filter={filter}
            runs={runs}
            overlaps={overlaps}
            dragged={dragged}
            onDrag={onDrag}
            onDrop={(task) => drop(task, column.id)}
          />
        ))}
      </div>
      {dragged && <Tray task={dragged} onAsk={ask} />}
    </>
  );
}

interface TrayProps {
  task: Task;
  onAsk: (task: Task, verb: TaskVerb, body?: unknown) => void;
}

/** Drop a card on an agent to say who does it, or on the cross to give it up. */
function Tray({ task, onAsk }: TrayProps) {
  const { data } = useQuery(agentsQuery);
  const verbs = verbsOf(task);
  const assign = verbs.includes('assign')
    ? (agent: string) => onAsk(task, 'assign', { agent })
    : verbs.includes('handover')
      ? (agent: string) => onAsk(task, 'handover', { to: agent })
      : null;
  return (
    <div className={classes.tray}>
      {assign &&
        data?.agents
          .filter(({ found }) => found)
          .map(({ name }) => (
            <Target key={name} label={`Give to ${name}`} onDrop={() => assign(name)}>
              Give to <AgentName name={name} />
            </Target>
          ))}
      {verbs.includes('cancel') && (
        <Target label="Cancel" tone="red" onDrop={() => onAsk(task, 'cancel')}>
          <IconX size={16} aria-hidden /> Cancel
        </Target>
      )}
    </div>
  );
}

interface TargetProps {
  label: string;
  tone?: string;
  onDrop: () => void;
  children: React.ReactNode;
}

function Target({ label, tone, onDrop, children }: TargetProps) {
  const [over, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the same verbs are in every card's menu.
    <div
      className={classes.drop}
      data-drop={label}
      data-tone={tone}
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        onDrop();
      }}
    >
      {children}
    </div>
  );
}

function Graph({ filter }: { filter: TaskFilter }) {
  const { data: tasks, error } = useQuery(graphQuery({ session: filter.session }));
  if (!tasks) return error ? <ProblemNote error={error} /> : <Waiting />;
  return (
    <section className={pages.card} aria-label="What waits for what">
      <TaskGraph
        label="Tasks"
        tasks={tasks.map((task) => ({
          id: task.id,
          title: task.title,
          state: task.state,
          agent: task.agent,
          depends: task.depends,
          to: `/tasks/${task.id}`,
        }))}
      />
    </section>
  );
}
