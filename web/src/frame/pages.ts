/** The pages that exist, in the order of the rail, with the key after `g`. */
import {
  IconCalendarTime,
  IconHeartbeat,
  IconHome,
  IconNotebook,
  IconPlayerPlay,
  IconServer2,
} from '@tabler/icons-react';

export const pages = [
  { to: '/', word: 'Home', icon: IconHome, key: 'h' },
  { to: '/runs', word: 'Runs', icon: IconPlayerPlay, key: 'r' },
  { to: '/units', word: 'Units', icon: IconServer2, key: 'u' },
  { to: '/jobs', word: 'Jobs', icon: IconCalendarTime, key: 'b' },
  { to: '/upkeep', word: 'Health', icon: IconHeartbeat, key: 'e' },
  { to: '/journal', word: 'Journal', icon: IconNotebook, key: 'j' },
] as const;
