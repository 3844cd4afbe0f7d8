/** Tasks: pieces of work in a queue. What the daemon sends, and each verb. */
import {
  type InfiniteData,
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { get, post, query } from './client';
import type { Run } from './model';

export type TaskState =
  | 'backlog'
  | 'waiting'
  | 'blocked'
  | 'ready'
  | 'claimed'
  | 'running'
  | 'reported'
  | 'in_review'
  | 'verified'
  | 'refuted'
  | 'failed'
  | 'cancelled';

export type Priority = 'low' | 'medium' | 'high' | 'critical';

export const priorities: Priority[] = ['critical', 'high', 'medium', 'low'];

export interface Depend {
  task: string;
  /** `hard`: it must be verified; `soft`: it should be; `over`: it must be over. */
  kind: string;
  short: string;
  title: string | null;
  state: TaskState | null;
}

export interface Task {
  id: string;
  short: string;
  title: string;
  prompt: string;
  kind: string;
  priority: Priority;
  state: TaskState;
  why: string | null;
  session: string | null;
  parent: string | null;
  phase: string | null;
  depends: Depend[];
  needs: string[];
  tags: string[];
  evidence: string[];
  target: string | null;
  /** Who has to do it, if that was said. */
  assigned: string | null;
  /** Who has it, or had it last. */
  agent: string | null;
  claim: {
    owner: string;
    agent: string;
    fence: number;
    run: string | null;
    at: string;
    seen_at: string;
    expires_at: string | null;
    note: string | null;
  } | null;
  tries: number;
  tries_max: number;
  not_before: string | null;
  poison: boolean;
  runs: string[];
  result: string | null;
  milestone: string | null;
  budget_usd: number | null;
  merged: string | null;
  created_by: string;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  ended_at: string | null;
}

/** Two runs whose work meets: in one file (soft), or in the same lines (hot). */
export interface Overlap {
  one: string;
  other: string;
  one_task: string | null;
  other_task: string | null;
  one_agent: string;
  other_agent: string;
  level: 'soft' | 'hot';
  files: { path: string; hot: boolean; lines: [number, number][] }[];
}

/** Where the work of one task meets that of others, seen from that task. */
export interface Meeting {
  task: string | null;
  agent: string;
  level: 'soft' | 'hot';
  paths: string[];
}

export interface CheckOutcome {
  check: string;
  category: string;
  level: 'pass' | 'warning' | 'fail' | 'critical';
  message: string;
}

export interface Checked {
  phase: 'pre' | 'post';
  at: string;
  agent?: string | null;
  results: CheckOutcome[];
}

export interface TaskLink {
  id: string;
  short: string;
  title: string;
  state: TaskState;
}

export interface TaskDetail extends Task {
  dependents: TaskLink[];
  /** Its parts, and what a pattern made. */
  children: TaskLink[];
  /** The oldest first. */
  runs_detail: Run[];
  /** What the next attempt is told of those before. */
  context: string | null;
  cli: string;
}

export interface TaskPage {
  tasks: Task[];
  next: string | null;
  /** How many are in each state, of the session if one was asked for. */
  counts: Partial<Record<TaskState, number>>;
}

export interface TaskFilter {
  session?: string;
  agent?: string;
}

const api = '/api/v1';
const one = (id: string) => `${api}/tasks/${encodeURIComponent(id)}`;
export const TASKS_PER_PAGE = 100;

export type TaskData = InfiniteData<TaskPage, string | null>;

/** The tasks of one column of the board. */
export const tasksQuery = (states: TaskState[], filter: TaskFilter, newest: boolean) =>
  infiniteQueryOptions({
    queryKey: ['tasks', states.join(','), filter],
    queryFn: ({ signal, pageParam }) =>
      get<TaskPage>(
        `${api}/tasks${query({ state: states.join(','), ...filter, newest: newest ? 'true' : null, limit: TASKS_PER_PAGE, after: pageParam })}`,
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page: TaskPage) => page.next ?? undefined,
  });

export const taskQuery = (id: string) =>
  queryOptions({
    queryKey: ['task', id],
    queryFn: ({ signal }) => get<TaskDetail>(one(id), signal),
  });

export type TaskVerb = 'edit' | 'assign' | 'retry' | 'cancel' | 'shelve' | 'unshelve' | 'handover';

export interface TaskChange {
  id: string;
  verb: TaskVerb;
  body?: unknown;
}

export function useTaskVerb() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, verb, body }: TaskChange) => post<Task>(`${one(id)}/${verb}`, body),
    onSettled: (_data, _error, { id }) => {
      void client.invalidateQueries({ queryKey: ['tasks'] });
      void client.invalidateQueries({ queryKey: ['task', id] });
    },
  });
}

export interface NewTask {
  title: string;
  prompt: string;
  kind?: string;
  priority?: Priority;
  agent?: string;
  target?: string;
  backlog?: boolean;
  evidence?: string[];
}

export function useNewTask() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (task: NewTask) => post<Task>(`${api}/tasks`, task),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tasks'] }),
  });
}

/** All tasks of one session: a plan has fifty at most. */
export const sessionTasksQuery = (session: string) =>
  queryOptions({
    queryKey: ['tasks', 'session', session],
    queryFn: ({ signal }) =>
      get<TaskPage>(`${api}/tasks${query({ session, limit: 200 })}`, signal).then(
        ({ tasks }) => tasks,
      ),
  });

/** What waits for what: around a task, of a session, or of all that is not over. */
export const graphQuery = (around: { task?: string; session?: string }) =>
  queryOptions({
    queryKey: ['tasks', 'graph', around],
    queryFn: ({ signal }) =>
      get<{ tasks: Task[] }>(`${api}/tasks/graph${query(around)}`, signal).then(
        ({ tasks }) => tasks,
      ),
  });

export const overlapsQuery = queryOptions({
  queryKey: ['overlaps'],
  queryFn: ({ signal }) =>
    get<{ overlaps: Overlap[] }>('/api/v1/overlaps', signal).then(({ overlaps }) => overlaps),
});

/** Where the work of a task meets that of others. */
export function meetings(overlaps: Overlap[], task: string): Meeting[] {
  return overlaps.flatMap((each) => {
    const first = each.one_task === task;
    if (!first && each.other_task !== task) return [];
    return [
      {
        task: first ? each.other_task : each.one_task,
        agent: first ? each.other_agent : each.one_agent,
        level: each.level,
        paths: each.files.filter(({ hot }) => hot || each.level === 'soft').map(({ path }) => path),
      },
    ];
  });
}

/** Who was chosen for a task, who was passed over, and why. */
export interface Why {
  /** What holds it back although somebody could do it. */
  held: string | null;
  /** Who would get it now; only while it is ready. */
  now: Choice | null;
  /** The newest first. */
  made: Choice[];
}

export interface Choice {
  fence: number | null;
  at: string | null;
  agent: string | null;
  rule: string;
  sentence: string;
  candidates: Candidate[];
}

export interface Candidate {
  agent: string;
  matching: string[];
  score: number;
  penalty: number;
  rating: number;
  verified: number;
  runs: number;
  rate: number;
  load: number;
  /** Why it was passed over. */
  excluded: string | null;
}

export const taskWhyQuery = (id: string) =>
  queryOptions({
    queryKey: ['task', id, 'why'],
    queryFn: ({ signal }) => get<Why>(`${one(id)}/why`, signal),
  });

export const taskChecksQuery = (id: string) =>
  queryOptions({
    queryKey: ['task', id, 'checks'],
    queryFn: ({ signal }) =>
      get<{ checks: Checked[] }>(`${one(id)}/checks`, signal).then(({ checks }) => checks),
  });
