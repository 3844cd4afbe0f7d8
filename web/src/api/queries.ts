/** Every read model the pages use, each one endpoint; and every verb, each one POST. */
import {
  type InfiniteData,
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { goOn, keepNewerEvents, keepNewerSteps } from '../live/apply';
import { get, post, query } from './client';
import type {
  AgentList,
  Alert,
  AlertList,
  ApprovalDetail,
  ApprovalList,
  ApprovalScope,
  Audit,
  Budget,
  HealthReport,
  Job,
  JobAsked,
  JobDetail,
  JournalEntry,
  JournalFilter,
  JournalPage,
  NewRun,
  Run,
  RunDetail,
  RunDiff,
  RunPage,
  Sample,
  Samples,
  Status,
  Unit,
  UnitDetail,
  UsageBy,
  UsageList,
} from './model';

export type { JournalFilter };

const api = '/api/v1';
const name = encodeURIComponent;
export const RUNS_PER_PAGE = 50;
export const EVENTS_PER_PAGE = 100;

export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => get<Status>(`${api}/status`, signal),
});

export const unitsQuery = queryOptions({
  queryKey: ['units'],
  queryFn: ({ signal }) =>
    get<{ units: Unit[] }>(`${api}/units`, signal).then((answer) => answer.units),
});

export const unitQuery = (unit: string) =>
  queryOptions({
    queryKey: ['unit', unit],
    queryFn: ({ signal }) => get<UnitDetail>(`${api}/units/${name(unit)}`, signal),
  });

/** Samples and answers to probes are no events, so they are asked for; the browser rests this while nobody looks. */
const SAMPLE_MS = 5000;

export const probedUnitQuery = (unit: string) =>
  queryOptions({ ...unitQuery(unit), refetchInterval: SAMPLE_MS });

/** What one unit used: the last minutes in samples, and so many minutes in averages. */
export const samplesQuery = (unit: string, minutes: number) =>
  queryOptions({
    queryKey: ['samples', unit, minutes],
    queryFn: ({ signal }) =>
      get<Samples>(`${api}/units/${name(unit)}/samples${query({ minutes })}`, signal),
    refetchInterval: SAMPLE_MS,
    gcTime: 60_000,
  });

export const allSamplesQuery = queryOptions({
  queryKey: ['samples'],
  queryFn: ({ signal }) =>
    get<{ units: Record<string, Sample[]> }>(`${api}/samples`, signal).then(
      (answer) => answer.units,
    ),
  refetchInterval: SAMPLE_MS,
});

export const jobsQuery = queryOptions({
  queryKey: ['jobs'],
  queryFn: ({ signal }) => get<{ jobs: Job[] }>(`${api}/jobs`, signal).then(({ jobs }) => jobs),
});

export const jobQuery = (job: string) =>
  queryOptions({
    queryKey: ['job', job],
    queryFn: ({ signal }) => get<JobDetail>(`${api}/jobs/${name(job)}`, signal),
  });

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: ({ signal }) => get<HealthReport>(`${api}/health`, signal),
});

export const alertsQuery = queryOptions({
  queryKey: ['alerts'],
  queryFn: ({ signal }) => get<AlertList>(`${api}/alerts${query({ state: 'all' })}`, signal),
});

export const runsQuery = infiniteQueryOptions({
  queryKey: ['runs'],
  queryFn: ({ signal, pageParam }) =>
    get<RunPage>(`${api}/runs${query({ limit: RUNS_PER_PAGE, before: pageParam })}`, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (page: RunPage) => page.next ?? undefined,
});

/** Enough of the newest runs to know what is at work on the board. */
export const newestRunsQuery = queryOptions({
  queryKey: ['runs', 'newest'],
  queryFn: ({ signal }) =>
    get<RunPage>(`${api}/runs${query({ limit: 200 })}`, signal).then(({ runs }) => runs),
});

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id],
    queryFn: async ({ signal, client, queryKey }) => {
      const path = `${api}/runs/${name(id)}`;
      const old = client.getQueryData<RunDetail>(queryKey);
      const last = old?.stream.at(-1);
      if (!old || !last) return get<RunDetail>(path, signal);
      // A long run is not read again from its beginning, only from where the page is.
      const rest = await get<RunDetail>(`${path}${query({ after: last.seq })}`, signal);
      return rest.stream_cut ? get<RunDetail>(path, signal) : goOn(old, rest);
    },
    structuralSharing: (old, fresh) =>
      keepNewerSteps(old as RunDetail | undefined, fresh as RunDetail),
  });

/** What a run changed; asked for while somebody looks at it. */
export const diffQuery = (id: string, live: boolean) =>
  queryOptions({
    queryKey: ['diff', id],
    queryFn: ({ signal }) => get<RunDiff>(`${api}/runs/${name(id)}/diff`, signal),
    refetchInterval: live ? 4000 : false,
  });

export const approvalsQuery = (state: 'pending' | 'all') =>
  queryOptions({
    queryKey: ['approvals', state],
    queryFn: ({ signal }) => get<ApprovalList>(`${api}/approvals${query({ state })}`, signal),
  });

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: ['approval', id],
    queryFn: ({ signal }) => get<ApprovalDetail>(`${api}/approvals/${name(id)}`, signal),
  });

export interface ApprovalAnswer {
  id: string;
  /** What the person saw. */
  hash: string;
  allow: boolean;
  scope?: ApprovalScope;
  for?: string;
  note?: string;
}

export function useAnswer() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, hash, allow, scope, for: span, note }: ApprovalAnswer) =>
      post<unknown>(
        `${api}/approvals/${name(id)}/${allow ? 'approve' : 'deny'}`,
        allow ? { hash, scope, for: span, note } : { hash, note },
      ),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['approvals'] });
      void client.invalidateQueries({ queryKey: ['approval'] });
      void client.invalidateQueries({ queryKey: ['status'] });
    },
  });
}

export const agentsQuery = queryOptions({
  queryKey: ['agents'],
  queryFn: ({ signal }) => get<AgentList>(`${api}/agents`, signal),
});

/** Holds an agent back, or lets it go on. */
export function useHoldAgent() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ agent, hold }: { agent: string; hold: boolean }) =>
      post<unknown>(`${api}/agents/${name(agent)}/${hold ? 'pause' : 'resume'}`),
    onSuccess: () => client.invalidateQueries({ queryKey: ['agents'] }),
  });
}

/** What was spent since then; `since` is a length of time such as `30d`. */
export const usageQuery = (by: UsageBy, since: string) =>
  queryOptions({
    queryKey: ['usage', by, since],
    queryFn: ({ signal }) => get<UsageList>(`${api}/usage${query({ by, since })}`, signal),
    placeholderData: keepPreviousData,
  });

export const budgetsQuery = queryOptions({
  queryKey: ['budgets'],
  queryFn: ({ signal }) =>
    get<{ budgets: Budget[] }>(`${api}/budgets`, signal).then(({ budgets }) => budgets),
});

export type JournalData = InfiniteData<JournalPage, number | null>;

export const journalQuery = (filter: JournalFilter) =>
  infiniteQueryOptions({
    queryKey: ['journal', filter],
    queryFn: ({ signal, pageParam }) =>
      get<JournalPage>(
        `${api}/journal${query({ ...filter, limit: EVENTS_PER_PAGE, before: pageParam, order: 'desc' })}`,
        signal,
      ),
    initialPageParam: null as number | null,
    getNextPageParam: (page: JournalPage) => page.next ?? undefined,
    structuralSharing: (old, fresh) =>
      keepNewerEvents(old as JournalData | undefined, fresh as JournalData),
  });

export const entryQuery = (seq: number) =>
  queryOptions({
    queryKey: ['entry', seq],
    queryFn: ({ signal }) => get<JournalEntry>(`${api}/journal/${seq}`, signal),
  });

/** Checking the whole chain costs time: once when looked at, then only when asked. */
export const auditQuery = queryOptions({
  queryKey: ['audit'],
  queryFn: ({ signal }) => get<Audit>(`${api}/audit`, signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export type UnitVerb = 'start' | 'stop' | 'restart';

export function useUnitVerb() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ unit, verb }: { unit: string; verb: UnitVerb }) =>
      post<Unit>(`${api}/units/${name(unit)}/${verb}`),
    onSuccess: (unit) => {
      client.setQueryData(unitsQuery.queryKey, (units) =>
        units?.map((each) => (each.name === unit.name ? unit : each)),
      );
      client.setQueryData(unitQuery(unit.name).queryKey, (old) => old && { ...old, ...unit });
      void client.invalidateQueries({ queryKey: ['status'] });
    },
  });
}

export function useNewRun() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (run: NewRun) => post<Run>(`${api}/runs`, run),
    onSuccess: () => client.invalidateQueries({ queryKey: ['runs'] }),
  });
}

export type RunVerb = 'stop' | 'pause' | 'resume' | 'verify' | 'answer';

export function useRunVerb() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, verb, body }: { id: string; verb: RunVerb; body?: unknown }) =>
      post<Run>(`${api}/runs/${name(id)}/${verb}`, body),
    onSuccess: (run) => {
      client.setQueryData(runQuery(run.id).queryKey, (old) => old && { ...old, ...run });
    },
  });
}

function useKeepJob() {
  const client = useQueryClient();
  return (job: Job) => {
    client.setQueryData(jobsQuery.queryKey, (jobs) =>
      jobs?.map((each) => (each.name === job.name ? job : each)),
    );
    client.setQueryData(jobQuery(job.name).queryKey, (old) => old && { ...old, ...job });
  };
}

/** Runs a job now; one that ran a moment ago is skipped unless it is forced. */
export function useRunJob() {
  const keep = useKeepJob();
  return useMutation({
    mutationFn: ({ job, force }: { job: string; force: boolean }) =>
      post<JobAsked>(`${api}/jobs/${name(job)}/run`, { force }),
    onSuccess: (asked) => keep(asked.job),
  });
}

export function useSwitchJob() {
  const keep = useKeepJob();
  return useMutation({
    mutationFn: ({ job, on }: { job: string; on: boolean }) =>
      post<Job>(`${api}/jobs/${name(job)}/${on ? 'enable' : 'disable'}`),
    onSuccess: keep,
  });
}

export function useHealthCheck() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post<HealthReport>(`${api}/health/check`),
    onSuccess: (report) => client.setQueryData(healthQuery.queryKey, report),
  });
}

export function useSettleAlert() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => post<Alert>(`${api}/alerts/${name(id)}/settle`),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['status'] });
      void client.invalidateQueries({ queryKey: ['alerts'] });
    },
  });
}

export function useReloadConfig() {
  return useMutation({
    mutationFn: () => post<{ changed: string[] }>(`${api}/config/reload`),
  });
}

export const login = (proof: { code: string } | { token: string }) =>
  post<void>(`${api}/login`, proof);

export const logout = () => post<void>(`${api}/logout`);
