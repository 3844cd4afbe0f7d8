/** One palette for every state, and never colour alone: icon and word. */
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClock,
  IconClockPause,
  IconFlag,
  IconHeartbeat,
  IconHelpCircle,
  IconLoader2,
  IconPlayerPause,
  IconPlayerStop,
  IconPlugConnected,
  IconPlugConnectedX,
  IconProgress,
  IconShieldCheck,
  IconShieldX,
} from '@tabler/icons-react';
import type { CSSProperties } from 'react';
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

const strange = (word: string): Face => ({ tone: 'grey', word, icon: IconCircleDashed });

export function unitFace(unit: Pick<Unit, 'state' | 'health'>): Face {
  if (unit.state === 'running') return running[unit.health] ?? running.unknown;
  return units[unit.state] ?? strange(unit.state);
}

/** Whether the reason says more than the state's word. */
export const saysMore = (unit: Unit) => unit.why !== `${unitFace(unit).word}.`;

export const toneStyle = (tone: Tone) =>
  ({ '--tone': `var(--${tone})`, '--tone-soft': `var(--${tone}-soft)` }) as CSSProperties;

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
