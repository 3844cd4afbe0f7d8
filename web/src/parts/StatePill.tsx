/** One palette for every state, and never colour alone: icon and word. */
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClockPause,
  IconFlag,
  IconHelpCircle,
  IconLoader2,
  IconPlayerStop,
  IconProgress,
} from '@tabler/icons-react';
import type { CSSProperties } from 'react';
import type { Health, Run, Unit } from '../api/model';
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
  stopping: { tone: 'blue', word: 'Stopping', icon: IconLoader2, turning: true },
  reported: { tone: 'grey', word: 'Reported', icon: IconFlag },
  failed: { tone: 'red', word: 'Failed', icon: IconCircleX },
  cancelled: { tone: 'grey', word: 'Cancelled', icon: IconPlayerStop },
  lost: { tone: 'red', word: 'Lost', icon: IconHelpCircle },
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

function Pill({ face }: { face: Face }) {
  const Icon = face.icon;
  return (
    <span className={classes.pill} style={toneStyle(face.tone)} data-testid="state">
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
