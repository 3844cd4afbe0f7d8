/** The pages that exist, in the order of the rail, with the key after `g`. */
import {
  IconCalendarTime,
  IconCoin,
  IconHeartbeat,
  IconHome,
  IconNotebook,
  IconPlayerPlay,
  IconRobot,
  IconServer2,
  IconUserQuestion,
} from '@tabler/icons-react';

export const pages = [
  { to: '/', word: 'Home', icon: IconHome, key: 'h' },
  { to: '/runs', word: 'Runs', icon: IconPlayerPlay, key: 'r' },
  { to: '/approvals', word: 'Approvals', icon: IconUserQuestion, key: 'p' },
  { to: '/agents', word: 'Agents', icon: IconRobot, key: 'a' },
  { to: '/units', word: 'Units', icon: IconServer2, key: 'u' },
  { to: '/jobs', word: 'Jobs', icon: IconCalendarTime, key: 'b' },
  { to: '/money', word: 'Money', icon: IconCoin, key: 'm' },
  { to: '/upkeep', word: 'Health', icon: IconHeartbeat, key: 'e' },
  { to: '/journal', word: 'Journal', icon: IconNotebook, key: 'j' },
] as const;
