/** What the daemon sends: the read models of API v1. The words are the daemon's; nothing is derived here. */

export type UnitState = 'stopped' | 'starting' | 'running' | 'backing_off' | 'failed' | 'stopping';
export type Health = 'healthy' | 'degraded' | 'unhealthy' | 'unknown';

export interface LastExit {
  code: number | null;
  signal: number | null;
  signal_name: string | null;
  reason: string;
  /** The reason as a person would say it. */
  words?: string;
  at: string;
  uptime_ms: number | null;
  /** The last lines it wrote. */
  last_lines?: string[];
}

export interface Unit {
  name: string;
  state: UnitState;
  health: Health;
  why: string;
  enabled: boolean;
  held: boolean;
  pid: number | null;
  uptime_ms: number | null;
  started_at: string | null;
  since: string;
  restarts: number;
  next_start_at: string | null;
  next_delay_ms: number | null;
  command: string[];
  after: Record<string, string>;
  last_exit: LastExit | null;
  generation: number;
  instance: string | null;
  kind: string;
  ready: ProbeWord | null;
  live: ProbeWord | null;
  /** What it says about itself. */
  status: string | null;
  /** What it uses, once its present life was sampled. */
  usage: Sample | null;
}

/** What a probe says; `unasked` when there is none. */
export type ProbeWord = 'unasked' | 'waiting' | 'passing' | 'failing';

export interface Probe {
  asks: string[];
  every_ms: number;
  timeout_ms: number;
  failures: number;
  successes: number;
  within_ms: number | null;
}

export interface ProbeAnswer {
  at: string;
  question: 'ready' | 'live';
  passed: boolean;
  why: string;
  took_ms: number;
}

export interface Sample {
  at: string;
  /** Percent of one core. */
  cpu_percent: number;
  rss_bytes: number;
  processes: number;
  descriptors: number | null;
}

export interface Minute {
  at: string;
  cpu_avg: number;
  cpu_max: number;
  rss_avg: number;
  rss_max: number;
  processes: number;
  descriptors: number | null;
}

export interface Samples {
  samples: Sample[];
  minutes: Minute[];
}

export interface UnitDetail extends Unit {
  cwd: string;
  env_keys: string[];
  restart: {
    policy: string;
    initial_ms: number;
    factor: number;
    max_ms: number;
    jitter: number;
    reset_after_ms: number;
    limit: number | null;
    profile: string;
    success_codes: number[];
    start_limit: { count: number; within_ms: number } | null;
  };
  user: string | null;
  limits: {
    memory: number | null;
    cpu: number | null;
    open_files: number | null;
    run_time_ms: number | null;
  };
  probes: Partial<Record<'ready' | 'live', Probe>>;
  /** The newest answers, oldest first. */
  answers: ProbeAnswer[];
  hooks: string[];
  on_failed: string;
  stop: { signal: string; grace_ms: number };
  cli: string;
  dependents: string[];
}

export interface LogLine {
  at: string;
  stream: 'stdout' | 'stderr';
  text: string;
  truncated: boolean;
}

export interface LogPage {
  lines: LogLine[];
  cursor: string;
  /** Lines between the cursor that was asked for and the first line were rotated away. */
  gap: boolean;
}

export type RunState =
  | 'preparing'
  | 'starting'
  | 'running'
  | 'paused'
  | 'suspended'
  | 'stopping'
  | 'reported'
  | 'verified'
  | 'refuted'
  | 'failed'
  | 'cancelled'
  | 'lost';

export interface Usage {
  fresh_input: number;
  cache_read: number;
  cache_write: number;
  output: number;
  cost_usd: number | null;
}

export interface FileChange {
  path: string;
  status: string;
}

export interface Run {
  id: string;
  short: string;
  agent: string;
  kind: string;
  state: RunState;
  why: string;
  prompt: string;
  target: string | null;
  worktree: string | null;
  branch: string | null;
  /** Changes in the target that are not in the worktree. */
  uncommitted: number | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  last_event_at: string | null;
  pid: number | null;
  usage: Usage | null;
  events: number;
  summary: string | null;
  files_changed: FileChange[] | null;
  /** How many checks there are, and how they went. */
  checks?: { all: number; passed: number; failed: number };
  /** Which life of its agent this is, from 1. */
  attempt?: number;
  /** For what it waits without a process. */
  wait?: RunWait | null;
  violations_count?: number;
  silent_since?: string | null;
  /** Whether the agent works in the target itself, since there is no git. */
  plain?: boolean;
  budget_usd?: number | null;
  /** For what it is: `work`, `plan`, `review`, `vote`, `mediation`. */
  purpose?: string;
  task?: string | null;
  session?: string | null;
}

export type RunAnswer = 'retry' | 'fixed' | 'abort';

export interface RunWait {
  for: 'approvals' | 'time' | 'person' | 'agent' | 'budget' | 'resume';
  until: string | null;
  why: string;
  /** What a person may answer; empty when the wait is not for a person. */
  answers: RunAnswer[];
}

/** One life of a run's agent. */
export interface Attempt {
  number: number;
  begun: 'first' | 'resumed' | 'recovered' | 'retried';
  because: string | null;
  resume: boolean;
  started_at: string | null;
  ended_at: string | null;
  events: number;
  tokens: number;
  fault: string | null;
  words: string | null;
}

/** A tool call that the gate denied. */
export interface Violation {
  seq: number;
  at: string;
  rule: string;
  reason: string;
  command: string;
}

/** One check before a run's "done" is believed. */
export interface Check {
  check: string;
  asks: string;
  passed: boolean | null;
  detail: string | null;
  duration_ms: number | null;
  output: string | null;
}

export interface Evidence {
  state: 'waiting' | 'checking' | 'verified' | 'refuted' | 'unchecked';
  source: 'default' | 'asked' | 'project';
  round: number;
  checks: Check[];
  commit: string | null;
}

export interface Hunk {
  old_start: number;
  old_lines: number;
  new_start: number;
  new_lines: number;
  heading: string;
  /** The first character is a space (the same), `+` (new) or `-` (gone). */
  lines: string[];
}

export interface FileDiff {
  path: string;
  old_path: string | null;
  status: 'added' | 'modified' | 'removed' | 'renamed' | 'copied' | 'retyped';
  binary: boolean;
  added: number;
  removed: number;
  cut: boolean;
  hunks: Hunk[];
}

export interface RunDiff {
  run: string;
  against: 'commit' | 'snapshot';
  base: string | null;
  files: FileDiff[];
  added: number;
  removed: number;
  cut: boolean;
}

export type ApprovalState = 'pending' | 'approved' | 'used' | 'denied' | 'expired' | 'withdrawn';

export type ApprovalScope = 'once' | 'task' | 'agent' | 'rule';

/** A question to a person, and what became of it. */
export interface Approval {
  id: string;
  short: string;
  what: string;
  state: ApprovalState;
  run: string;
  run_short: string;
  agent: string;
  tool: string;
  /** The arguments as a text in which every character can be seen. */
  text: string;
  /** Characters that cannot be seen, and how often they are there. */
  hidden: Record<string, number>;
  cwd: string;
  worktree: string;
  /** Who answers sends it back: exactly what was seen is answered. */
  hash: string;
  reasons: { rule: string; reason: string; part: string; head: string; outward: boolean }[];
  outward: boolean;
  scopes: ApprovalScope[];
  calls: number;
  asked_at: string;
  expires_at: string;
  ended_at: string | null;
  answer: { by: string; at: string; scope: ApprovalScope; note: string | null } | null;
}

export interface ApprovalDetail extends Approval {
  /** The same question of other runs, waiting too. */
  together: string[];
  history: Approval[];
  cli: string;
}

export interface ApprovalList {
  approvals: Approval[];
  next: string | null;
  pending: number;
}

interface RunEventBase {
  seq: number;
  at: string;
}

interface Call {
  id: string;
  name: string;
  input?: unknown;
}

export type RunEvent = RunEventBase &
  (
    | { type: 'text' | 'thinking' | 'question'; text: string }
    | {
        type: 'milestone' | 'progress' | 'blocker' | 'finding' | 'review_request';
        text: string;
        /** 0 to 100. */
        progress?: number | null;
        severity?: string | null;
        file?: string | null;
      }
    | { type: 'warning' | 'error'; message: string }
    | { type: 'plan'; items: { text: string; status: string }[] }
    | ({ type: 'tool_call' } & Call)
    | { type: 'tool_result'; id: string; output?: string | null; is_error?: boolean }
    | { type: 'retry'; attempt?: number; error?: string; delay_ms?: number | null }
    | { type: 'permission_request'; tool: string; reason?: string | null }
    | { type: 'permission_denied'; tool: string; message?: string | null }
    | { type: 'raw'; detail?: string; preview?: string }
    | { type: 'ended'; ok?: boolean; summary?: string | null; error?: string | null }
    | { type: 'started' | 'usage' | 'file_change' | 'model_call' }
  );

export interface RunDetail extends Run {
  stream: RunEvent[];
  /** There is more: older events, or later ones when a place to go on from was asked for. */
  stream_cut: boolean;
  /** What is checked before its "done" is believed, and what was found. */
  evidence?: Evidence;
  attempts?: Attempt[];
  violations?: Violation[];
  /** What the agent was given, word by word. */
  given?: string | null;
  cli: string;
}

export interface RunPage {
  runs: Run[];
  next?: string | null;
}

export interface NeedsYou {
  kind: string;
  subject: string;
  title: string;
  since: string | null;
  action: string | null;
}

export interface Daemon {
  pid: number;
  version: string;
  home: string;
  config: string | null;
  url: string;
  started_at: string;
  uptime_ms: number;
  epoch: number;
  head: number;
  /** What the machine is called. */
  host: string;
  node: string;
  store: string;
}

export interface Status {
  daemon: Daemon;
  needs_you: NeedsYou[];
  units: Unit[];
  runs: Run[];
}

/** Why an agent gets no new work, and until when. */
export interface Hold {
  since: string;
  until: string | null;
  why: string;
  by: string;
}

export type CallHealth = 'healthy' | 'degraded' | 'unhealthy' | 'critical' | 'unknown';

/** What the call log says of an agent. */
export interface CallStats {
  agent: string;
  calls: number;
  ok: number;
  errors: number;
  error_percent: number;
  health: CallHealth;
  tokens: number;
  cost_usd: number;
  /** Bookings without a known price: the cost is a lower bound then. */
  unpriced: number;
  mean_ms: number;
  p95_ms: number;
  last_at: string | null;
}

export interface Agent {
  name: string;
  kind: string | null;
  found: boolean;
  program: string | null;
  why: string | null;
  hold?: Hold | null;
  stats?: CallStats | null;
  /** Whether it is held in a sandbox; nothing when it is not there. */
  sandbox?: 'require' | 'off' | null;
}

/** What was used and what it cost; `key` is what these bookings have in common. */
export interface UsageSum {
  key: string;
  fresh_input: number;
  cache_read: number;
  cache_write: number;
  output: number;
  tokens: number;
  cost_usd: number;
  rows: number;
  unpriced: number;
}

export type UsageBy = 'agent' | 'model' | 'run' | 'day';

export interface UsageList {
  by: UsageBy;
  since: string | null;
  zone: string;
  groups: UsageSum[];
  total: UsageSum;
  cut: boolean;
}

export interface Budget {
  name: string;
  scope: string;
  per: string;
  origin: 'configuration' | 'hand' | 'run';
  run: string | null;
  unit: 'usd' | 'tokens';
  limit: number;
  spent: number;
  reserved: number;
  percent: number;
  unpriced: number;
  since: string | null;
  until: string | null;
  over: boolean;
  override: { until: string; why: string; by: string } | null;
  says: string;
}

export interface AgentList {
  agents: Agent[];
  hint?: string | null;
}

export interface JournalEvent {
  seq: number;
  cursor: string;
  id: string;
  at: string;
  kind: string;
  topic: string;
  subject: string;
  actor: string;
  cause: string | null;
  chain: string;
  hop: number;
  body: Record<string, unknown> | null;
  summary: string;
}

export interface JournalPage {
  events: JournalEvent[];
  next: number | null;
  head: number;
}

/** What a list of events is narrowed to; `unit.*` is every kind of a topic. */
export interface JournalFilter {
  kind?: string;
  topic?: string;
  subject?: string;
}

export interface JournalEntry {
  event: JournalEvent;
  causes: JournalEvent[];
  effects: JournalEvent[];
  chain_size: number;
}

export interface Audit {
  ok: boolean;
  events: number;
  seals: number;
  problems: { seq: number | null; kind: string | null; what: string }[];
  newest_seal: string | null;
  checked_at: string;
}

export interface NewRun {
  prompt: string;
  agent?: string;
  target?: string;
  /** `commits:1`, `file:PATH`, `command:LINE`, `tests`, …: what must be found before a "done" is believed. */
  evidence?: string[];
  budget_usd?: number;
  limits?: { time_ms?: number; memory?: number; tokens?: number };
}

export type JobState = 'waiting' | 'running' | 'stopping' | 'retrying' | 'disabled';
export type JobOutcome = 'running' | 'succeeded' | 'failed' | 'stopped';

export interface JobRun {
  number: number;
  outcome: JobOutcome;
  why: string | null;
  summary: string | null;
  due: string;
  trigger: string;
  actor: string;
  attempt: number;
  started_at: string;
  ended_at: string | null;
  took_ms: number;
  exit: LastExit | null;
  /** The run of an agent that it began. */
  run: string | null;
}

export interface Job {
  name: string;
  state: JobState;
  why: string;
  schedule: string;
  every_ms: number | null;
  cron: string | null;
  zone: string | null;
  kind: string;
  action: string;
  enabled: boolean;
  by_hand: boolean;
  next_at: string | null;
  current: JobRun | null;
  last: JobRun | null;
  /** In a row. */
  failures: number;
  retry_at: string | null;
  queued: boolean;
}

export interface JobDetail extends Job {
  command: string[];
  folder: string | null;
  env_keys: string[];
  agent: string | null;
  overlap: string;
  missed: string;
  jitter: number;
  timeout_ms: number | null;
  retry_times: number;
  retry_wait_ms: number;
  immediate: boolean;
  cli: string;
  history: JobRun[];
}

/** What became of the wish to run a job. */
export interface JobAsked {
  outcome: 'started' | 'queued' | 'skipped';
  number: number | null;
  why: string | null;
  job: Job;
}

export type Level = 'ok' | 'unknown' | 'warning' | 'critical';

export interface HealthCheck {
  name: string;
  level: Level;
  says: string;
  advice: string | null;
  value: number | null;
  threshold: number | null;
  measure: string | null;
}

export interface HealthReport {
  level: Level;
  checked_at: string;
  checks: HealthCheck[];
  repairs: { at: string; what: string; name: string; done: string }[];
}

export interface Alert {
  id: string;
  short: string;
  what: string;
  subject: string;
  level: 'warning' | 'critical';
  title: string;
  action: string;
  state: 'open' | 'settled' | 'resolved';
  first_at: string;
  last_at: string;
  count: number;
  deliveries: number;
  settled_by: string | null;
  ended_at: string | null;
}

export interface AlertList {
  alerts: Alert[];
  open: number;
}
