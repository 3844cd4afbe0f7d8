/** Whether what you see is what is: live, reconnecting, or offline since. */
import { Tooltip } from '@mantine/core';
import { IconCircleFilled, IconPlugConnectedX, IconRefresh } from '@tabler/icons-react';
import { clockTime } from '../live/clock';
import { useConnection } from '../live/Live';
import { type Tone, toneStyle } from '../parts/StatePill';
import classes from './frame.module.css';

export function ConnectionDot() {
  const connection = useConnection();
  const show = (tone: Tone, word: string, why: string, icon: React.ReactNode) => (
    <Tooltip label={why}>
      <span
        className={classes.connection}
        style={toneStyle(tone)}
        role="status"
        data-testid="connection"
        data-state={connection.state}
      >
        {icon}
        {word}
      </span>
    </Tooltip>
  );
  switch (connection.state) {
    case 'live':
      return show(
        'green',
        'Live',
        'Every change arrives by itself',
        <IconCircleFilled size={9} aria-hidden />,
      );
    case 'connecting':
      return show('grey', 'Connecting', 'First connection', <IconRefresh size={14} aria-hidden />);
    case 'reconnecting':
      return show(
        'amber',
        'Reconnecting',
        'The connection broke; it resumes where it was',
        <IconRefresh size={14} aria-hidden />,
      );
    case 'offline':
      return show(
        'red',
        `Offline since ${clockTime(connection.since).slice(0, 5)}`,
        'The daemon does not answer. Start it with: orkestra up',
        <IconPlugConnectedX size={15} aria-hidden />,
      );
  }
}
