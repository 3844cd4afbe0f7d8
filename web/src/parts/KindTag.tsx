/** Event kinds keep one colour and one icon each, by what the word says. */
import {
  IconAlertTriangle,
  IconArchive,
  IconArrowRight,
  IconBellCheck,
  IconBellRinging,
  IconCircleCheck,
  IconCircleX,
  IconClock,
  IconClockPause,
  IconFile,
  IconFlag,
  IconHelpCircle,
  IconLogout,
  IconMessage,
  IconPlayerPlay,
  IconPlayerStop,
  IconPointFilled,
  IconSend,
  IconSettings,
  IconShieldCheck,
  IconShieldX,
  IconTool,
  IconTrash,
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
  ready: { tone: 'green', icon: IconCircleCheck },
  healthy: { tone: 'green', icon: IconCircleCheck },
  not_ready: { tone: 'amber', icon: IconAlertTriangle },
  unhealthy: { tone: 'red', icon: IconCircleX },
  reloading: { tone: 'blue', icon: IconSettings },
  said: { tone: 'grey', icon: IconMessage },
  waiting: { tone: 'grey', icon: IconClock },
  time_extended: { tone: 'grey', icon: IconClock },
  limit_exceeded: { tone: 'red', icon: IconAlertTriangle },
  hook_ran: { tone: 'grey', icon: IconTool },
  hook_failed: { tone: 'amber', icon: IconTool },
  lost: { tone: 'red', icon: IconHelpCircle },
  finished: { tone: 'green', icon: IconCircleCheck },
  queued: { tone: 'grey', icon: IconClock },
  rescheduled: { tone: 'grey', icon: IconClock },
  skipped: { tone: 'grey', icon: IconClockPause },
  missed: { tone: 'amber', icon: IconClockPause },
  enabled: { tone: 'blue', icon: IconUser },
  disabled: { tone: 'grey', icon: IconUser },
  backed_up: { tone: 'green', icon: IconArchive },
  restored: { tone: 'amber', icon: IconArchive },
  pruned: { tone: 'grey', icon: IconTrash },
};

/** Where the last word alone would say too little: `done` is no alert, `failed` no unit. */
const whole: Record<string, KindFace> = {
  'alert.raised': { tone: 'red', icon: IconBellRinging },
  'alert.repeated': { tone: 'amber', icon: IconBellRinging },
  'alert.settled': { tone: 'grey', icon: IconBellCheck },
  'alert.resolved': { tone: 'green', icon: IconBellCheck },
  'effect.recorded': { tone: 'grey', icon: IconSend },
  'effect.begun': { tone: 'blue', icon: IconSend },
  'effect.done': { tone: 'green', icon: IconSend },
  'effect.retried': { tone: 'amber', icon: IconSend },
  'effect.failed': { tone: 'red', icon: IconSend },
  'effect.unknown': { tone: 'red', icon: IconHelpCircle },
  'health.changed': { tone: 'amber', icon: IconShieldX },
  'health.repaired': { tone: 'blue', icon: IconTool },
  'health.integrity_checked': { tone: 'green', icon: IconShieldCheck },
};

export function kindFace(kind: string): KindFace {
  const [topic, word = ''] = kind.split('.', 2);
  const backup: KindFace = { tone: 'grey', icon: topic === 'prune' ? IconTrash : IconArchive };
  const strange: KindFace = { tone: 'grey', icon: IconPointFilled };
  return whole[kind] ?? faces[word] ?? (topic === 'backup' || topic === 'prune' ? backup : strange);
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
