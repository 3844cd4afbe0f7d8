/** One palette for every state, and never colour alone: icon and word. */
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClock,
  IconClockPause,
  IconEyeCheck,
  IconFlag,
  IconGitMerge,
  IconHandStop,
  IconHeartbeat,
  IconHelpCircle,
  IconInbox,
  IconListCheck,
  IconLoader2,
  IconPlayerPause,
  IconPlayerStop,
  IconPlugConnected,
  IconPlugConnectedX,
  IconProgress,
  IconShieldCheck,
  IconShieldX,
  IconUserCheck,
  IconUserQuestion,
} from '@tabler/icons-react';
import type { CSSProperties } from 'react';
import type { Merge } from '../api/merge';
import type {
  Agent,
  Alert,
  Approval,
  CallHealth,
  Health,
  Job,
  JobRun,
  Level,
  ProbeWord,
  Run,
  Unit,
} from '../api/model';
import type { Review, Verdict } from '../api/review';
import type { Session } from '../api/session';
import type { CheckOutcome, Task } from '../api/task';
import type { Vote } from '../api/vote';
import classes from './parts.module.css';

export type Tone = 'grey' | 'blue' | 'amber' | 'green' | 'red' | 'violet';

interface Face {
  tone: Tone;
  word: string;
  icon: typeof IconFlag;
  turning?: boolean;
}

const running: Record<Health, Face> = {
  healthy: { tone: 'green', word: 'Running', icon: IconCircleCheck },
  degraded: { tone: 'amber', word: 'Degraded', icon: IconAlertTriangle },
  unhealthy: { tone: 'red', word: 'Unhealthy', icon: IconAlertTriangle },
  unknown: { tone: 'blue', word: 'Running', icon: IconProgress },
};

const units: Record<Exclude<Unit['state'], 'running'>, Face> = {
  stopped: { tone: 'grey', word: 'Stopped', icon: IconPlayerStop },
  starting: { tone: 'blue', word: 'Starting', icon: IconLoader2, turning: true },
  backing_off: { tone: 'amber', word: 'Backing off', icon: IconClockPause },
  failed: { tone: 'red', word: 'Failed', icon: IconCircleX },
  stopping: { tone: 'blue', word: 'Stopping', icon: IconLoader2, turning: true },
};

const runs: Record<Run['state'], Face> = {
  preparing: { tone: 'blue', word: 'Preparing', icon: IconLoader2, turning: true },
  starting: { tone: 'blue', word: 'Starting', icon: IconLoader2, turning: true },
  running: { tone: 'blue', word: 'Running', icon: IconProgress },
  paused: { tone: 'violet', word: 'Paused', icon: IconPlayerPause },
  suspended: { tone: 'amber', word: 'Waiting', icon: IconClockPause },
  stopping: { tone: 'blue', word: 'Stopping', icon: IconLoader2, turning: true },
  reported: { tone: 'grey', word: 'Reported', icon: IconFlag },
  verified: { tone: 'green', word: 'Verified', icon: IconShieldCheck },
  refuted: { tone: 'red', word: 'Refuted', icon: IconShieldX },
  failed: { tone: 'red', word: 'Failed', icon: IconCircleX },
  cancelled: { tone: 'grey', word: 'Cancelled', icon: IconPlayerStop },
  lost: { tone: 'red', word: 'Lost', icon: IconHelpCircle },
};

const jobs: Record<Job['state'], Face> = {
  waiting: { tone: 'grey', word: 'Waiting', icon: IconClock },
  running: { tone: 'blue', word: 'Running', icon: IconLoader2, turning: true },
  stopping: { tone: 'blue', word: 'Stopping', icon: IconLoader2, turning: true },
  retrying: { tone: 'amber', word: 'Retrying', icon: IconClockPause },
  disabled: { tone: 'violet', word: 'Disabled', icon: IconPlayerPause },
};

const outcomes: Record<JobRun['outcome'], Face> = {
  running: { tone: 'blue', word: 'Running', icon: IconLoader2, turning: true },
  succeeded: { tone: 'green', word: 'Succeeded', icon: IconCircleCheck },
  failed: { tone: 'red', word: 'Failed', icon: IconCircleX },
  stopped: { tone: 'grey', word: 'Stopped', icon: IconPlayerStop },
};

const levels: Record<Level, Face> = {
  ok: { tone: 'green', word: 'Well', icon: IconCircleCheck },
  unknown: { tone: 'grey', word: 'Unknown', icon: IconHelpCircle },
  warning: { tone: 'amber', word: 'Warning', icon: IconAlertTriangle },
  critical: { tone: 'red', word: 'Critical', icon: IconCircleX },
};

const settled: Record<Exclude<Alert['state'], 'open'>, Face> = {
  settled: { tone: 'grey', word: 'Settled', icon: IconCircleCheck },
  resolved: { tone: 'green', word: 'Resolved', icon: IconCircleCheck },
};

const probes: Record<'ready' | 'live', Record<Exclude<ProbeWord, 'unasked'>, Face>> = {
  ready: {
    waiting: { tone: 'blue', word: 'Not ready yet', icon: IconClock },
    passing: { tone: 'green', word: 'Ready', icon: IconPlugConnected },
    failing: { tone: 'amber', word: 'Not ready', icon: IconPlugConnectedX },
  },
  live: {
    waiting: { tone: 'blue', word: 'Not asked yet', icon: IconClock },
    passing: { tone: 'green', word: 'Live', icon: IconHeartbeat },
    failing: { tone: 'red', word: 'Not live', icon: IconHeartbeat },
  },
};

const calls: Record<CallHealth, Face> = {
  healthy: { tone: 'green', word: 'Healthy', icon: IconCircleCheck },
  degraded: { tone: 'amber', word: 'Degraded', icon: IconAlertTriangle },
  unhealthy: { tone: 'red', word: 'Unhealthy', icon: IconAlertTriangle },
  critical: { tone: 'red', word: 'Critical', icon: IconCircleX },
  unknown: { tone: 'grey', word: 'Ready', icon: IconCircleDashed },
};

const approvals: Record<Approval['state'], Face> = {
  pending: { tone: 'amber', word: 'Asks you', icon: IconHelpCircle },
  approved: { tone: 'blue', word: 'Approved', icon: IconCircleCheck },
  used: { tone: 'green', word: 'Done', icon: IconCircleCheck },
  denied: { tone: 'red', word: 'Denied', icon: IconCircleX },
  expired: { tone: 'grey', word: 'Expired', icon: IconClock },
  withdrawn: { tone: 'grey', word: 'Withdrawn', icon: IconPlayerStop },
};

const tasks: Record<Task['state'], Face> = {
  backlog: { tone: 'grey', word: 'Backlog', icon: IconInbox },
  waiting: { tone: 'grey', word: 'Waiting', icon: IconClock },
  blocked: { tone: 'red', word: 'Blocked', icon: IconHandStop },
  ready: { tone: 'grey', word: 'Ready', icon: IconCircleDashed },
  claimed: { tone: 'blue', word: 'Claimed', icon: IconUserCheck },
  running: { tone: 'blue', word: 'Running', icon: IconProgress },
  reported: { tone: 'blue', word: 'Reported', icon: IconFlag },
  in_review: { tone: 'blue', word: 'In review', icon: IconEyeCheck },
  verified: { tone: 'green', word: 'Verified', icon: IconShieldCheck },
  refuted: { tone: 'red', word: 'Refuted', icon: IconShieldX },
  failed: { tone: 'red', word: 'Failed', icon: IconCircleX },
  cancelled: { tone: 'grey', word: 'Cancelled', icon: IconPlayerStop },
};

const sessions: Record<Session['state'], Face> = {
  planning: { tone: 'blue', word: 'Planning', icon: IconListCheck },
  plan_review: { tone: 'blue', word: 'Plan review', icon: IconEyeCheck },
  awaiting_person: { tone: 'amber', word: 'Asks you', icon: IconUserQuestion },
  working: { tone: 'blue', word: 'Working', icon: IconProgress },
  merging: { tone: 'blue', word: 'Merging', icon: IconGitMerge },
  checking: { tone: 'blue', word: 'Checking', icon: IconListCheck },
  paused: { tone: 'violet', word: 'Paused', icon: IconPlayerPause },
  verified: { tone: 'green', word: 'Verified', icon: IconShieldCheck },
  failed: { tone: 'red', word: 'Failed', icon: IconCircleX },
  cancelled: { tone: 'grey', word: 'Cancelled', icon: IconPlayerStop },
};

const reviews: Record<Exclude<Review['state'], 'closed'>, Face> = {
  open: { tone: 'blue', word: 'Under way', icon: IconEyeCheck },
  handing_back: { tone: 'blue', word: 'Handed back', icon: IconEyeCheck },
  halting: { tone: 'violet', word: 'Halting', icon: IconPlayerPause },
  watching: { tone: 'blue', word: 'Watching', icon: IconClock },
  needs_person: { tone: 'amber', word: 'Asks you', icon: IconUserQuestion },
};

const verdicts: Record<Verdict, Face> = {
  approved: { tone: 'green', word: 'Approved', icon: IconCircleCheck },
  concerns: { tone: 'amber', word: 'Concerns', icon: IconAlertTriangle },
  blocker: { tone: 'red', word: 'Blocker', icon: IconHandStop },
};

const outcomesOfVotes: Record<NonNullable<Vote['outcome']>, Face> = {
  decided: { tone: 'green', word: 'Decided', icon: IconCircleCheck },
  failed: { tone: 'red', word: 'Failed', icon: IconCircleX },
  no_quorum: { tone: 'amber', word: 'No quorum', icon: IconAlertTriangle },
  deadlock: { tone: 'amber', word: 'Deadlock', icon: IconAlertTriangle },
  tie: { tone: 'amber', word: 'Tie', icon: IconAlertTriangle },
};

const checks: Record<CheckOutcome['level'], Face> = {
  pass: { tone: 'green', word: 'Pass', icon: IconCircleCheck },
  warning: { tone: 'amber', word: 'Warning', icon: IconAlertTriangle },
  fail: { tone: 'red', word: 'Fail', icon: IconCircleX },
  critical: { tone: 'red', word: 'Critical', icon: IconHandStop },
};

const strange = (word: string): Face => ({ tone: 'grey', word, icon: IconCircleDashed });

export function unitFace(unit: Pick<Unit, 'state' | 'health'>): Face {
  if (unit.state === 'running') return running[unit.health] ?? running.unknown;
  return units[unit.state] ?? strange(unit.state);
}

/** Whether the reason says more than the state's word. */
export const saysMore = (unit: Unit) => unit.why !== `${unitFace(unit).word}.`;

export const toneStyle = (tone: Tone) =>
  ({ '--tone': `var(--${tone})`, '--tone-soft': `var(--${tone}-soft)` }) as CSSProperties;

const merges: Record<Merge['state'], Face> = {
  waiting: { tone: 'grey', word: 'Waiting', icon: IconClock },
  rebasing: { tone: 'blue', word: 'Merging', icon: IconLoader2, turning: true },
  checking: { tone: 'blue', word: 'Checking', icon: IconListCheck },
  conflict: { tone: 'amber', word: 'Conflict', icon: IconGitMerge },
  person: { tone: 'amber', word: 'Asks you', icon: IconUserQuestion },
  merged: { tone: 'green', word: 'Merged', icon: IconGitMerge },
  refused: { tone: 'red', word: 'Given up', icon: IconCircleX },
  undone: { tone: 'grey', word: 'Undone', icon: IconPlayerStop },
};

export function MergePill({ merge }: { merge: Pick<Merge, 'state'> }) {
  return <Pill face={merges[merge.state] ?? strange(merge.state)} />;
}

export const taskFace = (state: Task['state']) => tasks[state] ?? strange(state);

export const checkFace = (level: CheckOutcome['level']) => checks[level] ?? strange(level);

function Pill({ face, testId = 'state' }: { face: Face; testId?: string }) {
  const Icon = face.icon;
  return (
    <span className={classes.pill} style={toneStyle(face.tone)} data-testid={testId}>
      <Icon
        size={14}
        stroke={2}
        aria-hidden="true"
        className={face.turning ? classes.turning : undefined}
      />
      {face.word}
    </span>
  );
}

export function UnitPill({ unit }: { unit: Pick<Unit, 'state' | 'health'> }) {
  return <Pill face={unitFace(unit)} />;
}

export function RunPill({ run }: { run: Pick<Run, 'state'> }) {
  return <Pill face={runs[run.state] ?? strange(run.state)} />;
}

export function TaskPill({ task }: { task: Pick<Task, 'state'> }) {
  return <Pill face={taskFace(task.state)} />;
}

export function SessionPill({ session }: { session: Pick<Session, 'state'> }) {
  return <Pill face={sessions[session.state] ?? strange(session.state)} />;
}

/** A review under way, or what came of it. */
export function ReviewPill({ review }: { review: Pick<Review, 'state'> }) {
  const face =
    review.state === 'closed'
      ? { tone: 'grey' as const, word: 'Closed', icon: IconCircleCheck }
      : (reviews[review.state] ?? strange(review.state));
  return <Pill face={face} />;
}

/** What a reviewer thinks; nothing means that there is no verdict. */
export function VerdictPill({ verdict }: { verdict: Verdict | null }) {
  const face = verdict
    ? (verdicts[verdict] ?? strange(verdict))
    : { tone: 'grey' as const, word: 'No verdict', icon: IconHelpCircle };
  return <Pill face={face} testId="verdict" />;
}

/** A vote that goes on, or how it ended. */
export function VotePill({ vote }: { vote: Pick<Vote, 'state' | 'outcome' | 'asks'> }) {
  if (vote.asks) {
    return <Pill face={{ tone: 'amber', word: 'Asks you', icon: IconUserQuestion }} />;
  }
  if (vote.state === 'open') {
    return <Pill face={{ tone: 'blue', word: 'Open', icon: IconProgress }} />;
  }
  if (vote.state === 'mediating') {
    return <Pill face={{ tone: 'blue', word: 'Mediating', icon: IconLoader2, turning: true }} />;
  }
  const face = vote.outcome ? (outcomesOfVotes[vote.outcome] ?? strange(vote.outcome)) : null;
  return <Pill face={face ?? strange('Closed')} />;
}

export function CheckPill({ level }: { level: CheckOutcome['level'] }) {
  return <Pill face={checkFace(level)} testId="check-level" />;
}

export function JobPill({ job }: { job: Pick<Job, 'state'> }) {
  return <Pill face={jobs[job.state] ?? strange(job.state)} />;
}

export function OutcomePill({ run }: { run: Pick<JobRun, 'outcome'> }) {
  return <Pill face={outcomes[run.outcome] ?? strange(run.outcome)} />;
}

export function ApprovalPill({ approval }: { approval: Pick<Approval, 'state'> }) {
  return <Pill face={approvals[approval.state] ?? strange(approval.state)} />;
}

/** Missing, held back, or as its last calls went. */
export function AgentPill({ agent }: { agent: Pick<Agent, 'found' | 'hold' | 'stats'> }) {
  if (!agent.found) {
    return <Pill face={{ tone: 'grey', word: 'Not there', icon: IconPlugConnectedX }} />;
  }
  if (agent.hold)
    return <Pill face={{ tone: 'violet', word: 'Held back', icon: IconPlayerPause }} />;
  const health = agent.stats?.health ?? 'unknown';
  return <Pill face={calls[health] ?? strange(health)} />;
}

export const levelFace = (level: Level) => levels[level] ?? strange(level);

export function LevelPill({ level }: { level: Level }) {
  return <Pill face={levelFace(level)} />;
}

/** An open alert is as loud as its level; one that is over says so. */
export function AlertPill({ alert }: { alert: Pick<Alert, 'state' | 'level'> }) {
  const face = alert.state === 'open' ? levelFace(alert.level) : settled[alert.state];
  return <Pill face={face ?? strange(alert.state)} />;
}

/** What a probe says; nothing where there is none. */
export function ProbePill({ question, says }: { question: 'ready' | 'live'; says: ProbeWord }) {
  if (says === 'unasked') return null;
  const face = probes[question][says] ?? strange(says);
  return <Pill face={face} testId={`probe-${question}`} />;
}
