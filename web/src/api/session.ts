/** Sessions: one goal for several agents. What the daemon sends, and each verb. */
import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { get, post, query } from './client';
import type { JournalPage, Run } from './model';

export type SessionState =
  | 'planning'
  | 'plan_review'
  | 'awaiting_person'
  | 'working'
  | 'merging'
  | 'checking'
  | 'paused'
  | 'verified'
  | 'failed'
  | 'cancelled';

export type Involvement = 'high' | 'medium' | 'low';

export interface Session {
  id: string;
  short: string;
  project: string | null;
  goal: string;
  agents: string[];
  target: string;
  state: SessionState;
  why: string;
  /** What the person is asked, while it is. */
  question: {
    about: 'plan' | 'no_plan' | 'merge' | 'not_done' | 'end';
    text: string;
    since: string;
  } | null;
  involvement: Involvement;
  plan_review: boolean;
  plan_only: boolean;
  headless: boolean;
  merge: boolean;
  budget_usd: number | null;
  roles: Roles;
  /** An agent, `template` or a person. */
  planned_by: string | null;
  tasks_count: number;
  branch: string;
  base: string;
  waived_by: string | null;
  delivered: string | null;
  created_by: string;
  created_at: string;
  updated_at: string;
  began_at: string | null;
  ended_at: string | null;
}

export interface Roles {
  /** 1: all three; 2: no reviewer; 3: no implementer; 4: no architect; 5: one agent alone. */
  tier: number;
  there: string[];
  missing: { agent: string; why: string }[];
  architect: string;
  implementer: string;
  reviewer: string;
  notes: string[];
}

export interface PlannedTask {
  key: string;
  title: string;
  prompt: string;
  role: string;
  agent: string | null;
  responsibilities: string[];
  deliverables: string[];
  hands_over: string[];
  evidence: string[];
  depends: string[];
  needs: string[];
  priority: string;
  kind: string;
  complexity: string | null;
  estimated_tokens: string | null;
  phase: string | null;
}

export interface Plan {
  summary: string;
  tasks: PlannedTask[];
}

export interface PlanComment {
  round: number;
  agent: string;
  run: string | null;
  agrees: boolean | null;
  suggestions: string[];
  trouble: string | null;
}

export interface Criterion {
  point: 'tasks' | 'review' | 'files' | 'integration' | 'blockers' | 'permissions';
  holds: boolean;
  why: string;
}

export interface Share {
  agent: string;
  roles: string[];
  tokens: number;
  tasks: number;
  cost_usd: number;
  /** In per cent of all, and what it should be. */
  percent: number;
  low: number;
  high: number;
  fits: boolean;
}

export interface SessionDetail extends Session {
  plan: Plan | null;
  plan_problems: string[];
  comments: PlanComment[];
  tasks: { key: string; id: string }[];
  criteria: Criterion[];
  shares_of: 'tokens' | 'tasks';
  shares: Share[];
  runs: Run[];
  cli: string;
}

export interface NewSession {
  goal: string;
  agents: string[];
  target: string;
  plan_review: boolean;
  plan_only: boolean;
  involvement?: Involvement;
  merge: boolean;
  budget_usd?: number;
  evidence?: string[];
}

const api = '/api/v1';
const one = (id: string) => `${api}/sessions/${encodeURIComponent(id)}`;

interface SessionPage {
  sessions: Session[];
  next: string | null;
}

export const sessionsQuery = infiniteQueryOptions({
  queryKey: ['sessions'],
  queryFn: ({ signal, pageParam }) =>
    get<SessionPage>(`${api}/sessions${query({ limit: 50, before: pageParam })}`, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (page: SessionPage) => page.next ?? undefined,
});

export const sessionQuery = (id: string) =>
  queryOptions({
    queryKey: ['session', id],
    queryFn: ({ signal }) => get<SessionDetail>(one(id), signal),
  });

function useKept() {
  const client = useQueryClient();
  return (session: Session) => {
    void client.invalidateQueries({ queryKey: ['sessions'] });
    void client.invalidateQueries({ queryKey: ['session', session.id] });
    void client.invalidateQueries({ queryKey: ['status'] });
  };
}

export function useNewSession() {
  const kept = useKept();
  return useMutation({
    mutationFn: (session: NewSession) => post<Session>(`${api}/sessions`, session),
    onSuccess: kept,
  });
}

export type SessionVerb = 'approve' | 'plan' | 'pause' | 'resume' | 'stop';

export function useSessionVerb() {
  const kept = useKept();
  return useMutation({
    mutationFn: ({ id, verb, body }: { id: string; verb: SessionVerb; body?: unknown }) =>
      post<Session>(`${one(id)}/${verb}`, body),
    onSuccess: (_, { id }) => kept({ id } as Session),
  });
}

/** The newest events of a session, oldest first: all that followed from its beginning. */
export const sessionLogQuery = (id: string) =>
  queryOptions({
    queryKey: ['session', id, 'log'],
    queryFn: async ({ signal }) => {
      const first = await get<JournalPage>(
        `/api/v1/journal${query({ topic: 'session', subject: id, limit: 1, order: 'asc', after: 0 })}`,
        signal,
      );
      const chain = first.events[0]?.chain;
      if (!chain) return [];
      const { events } = await get<JournalPage>(
        `/api/v1/journal${query({ chain, limit: 1000, order: 'desc' })}`,
        signal,
      );
      return events.toReversed();
    },
  });
