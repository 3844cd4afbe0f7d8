/** Event kinds keep one colour and one icon each, by what the word says. */
import {
  IconAlertTriangle,
  IconArrowRight,
  IconCircleCheck,
  IconCircleX,
  IconClockPause,
  IconFile,
  IconFlag,
  IconLogout,
  IconMessage,
  IconPlayerPlay,
  IconPlayerStop,
  IconPointFilled,
  IconSettings,
  IconTool,
  IconUser,
} from '@tabler/icons-react';
import type { Tone } from './StatePill';

interface KindFace {
  tone: Tone;
  icon: typeof IconFlag;
}

const faces: Record<string, KindFace> = {
  started: { tone: 'green', icon: IconCircleCheck },
  adopted: { tone: 'green', icon: IconCircleCheck },
  starting: { tone: 'blue', icon: IconPlayerPlay },
  created: { tone: 'blue', icon: IconPlayerPlay },
  start_requested: { tone: 'blue', icon: IconUser },
  restart_requested: { tone: 'blue', icon: IconUser },
  stop_requested: { tone: 'grey', icon: IconUser },
  signalled: { tone: 'blue', icon: IconArrowRight },
  start_failed: { tone: 'red', icon: IconCircleX },
  failed: { tone: 'red', icon: IconCircleX },
  shim_lost: { tone: 'red', icon: IconCircleX },
  config_refused: { tone: 'red', icon: IconCircleX },
  gap: { tone: 'red', icon: IconAlertTriangle },
  warning: { tone: 'amber', icon: IconAlertTriangle },
  exited: { tone: 'amber', icon: IconLogout },
  restart_scheduled: { tone: 'amber', icon: IconClockPause },
  retry: { tone: 'amber', icon: IconClockPause },
  question: { tone: 'amber', icon: IconMessage },
  stopping: { tone: 'grey', icon: IconPlayerStop },
  stopped: { tone: 'grey', icon: IconPlayerStop },
  stray_stopped: { tone: 'grey', icon: IconPlayerStop },
  configured: { tone: 'grey', icon: IconSettings },
  config_reloaded: { tone: 'grey', icon: IconSettings },
  text: { tone: 'blue', icon: IconMessage },
  tool_call: { tone: 'blue', icon: IconTool },
  tool_result: { tone: 'grey', icon: IconTool },
  file_change: { tone: 'grey', icon: IconFile },
  milestone: { tone: 'blue', icon: IconFlag },
  ended: { tone: 'grey', icon: IconFlag },
};

export function kindFace(kind: string): KindFace {
  return faces[kind.slice(kind.indexOf('.') + 1)] ?? { tone: 'grey', icon: IconPointFilled };
}

export function KindTag({ kind }: { kind: string }) {
  const { tone, icon: Icon } = kindFace(kind);
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: 7, minWidth: 0 }}>
      <Icon size={15} style={{ color: `var(--${tone})`, flex: 'none' }} aria-hidden />
      <span className="mono clip">{kind}</span>
    </span>
  );
}
