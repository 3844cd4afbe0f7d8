/** The pages that exist, in the order of the rail, with the key after `g`. */
import {
  IconCalendarTime,
  IconCoin,
  IconGavel,
  IconHeartbeat,
  IconHome,
  IconLayoutKanban,
  IconNotebook,
  IconPlayerPlay,
  IconRobot,
  IconServer2,
  IconUserQuestion,
  IconUsersGroup,
} from '@tabler/icons-react';

export const pages = [
  { to: '/', word: 'Home', icon: IconHome, key: 'h' },
  { to: '/board', word: 'Board', icon: IconLayoutKanban, key: 'k' },
  { to: '/sessions', word: 'Sessions', icon: IconUsersGroup, key: 's' },
  { to: '/runs', word: 'Runs', icon: IconPlayerPlay, key: 'r' },
  { to: '/approvals', word: 'Approvals', icon: IconUserQuestion, key: 'p' },
  { to: '/agents', word: 'Agents', icon: IconRobot, key: 'a' },
  { to: '/units', word: 'Units', icon: IconServer2, key: 'u' },
  { to: '/jobs', word: 'Jobs', icon: IconCalendarTime, key: 'b' },
  { to: '/decisions', word: 'Decisions', icon: IconGavel, key: 'd' },
  { to: '/money', word: 'Money', icon: IconCoin, key: 'm' },
  { to: '/upkeep', word: 'Health', icon: IconHeartbeat, key: 'e' },
  { to: '/journal', word: 'Journal', icon: IconNotebook, key: 'j' },
] as const;
