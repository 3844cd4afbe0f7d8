/** Whether the ballots are as they were cast, and whether counting them again comes to the same. */
import { Tooltip } from '@mantine/core';
import { IconLoader2, IconShieldCheck, IconShieldX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { replayQuery, type Vote, verifyQuery } from '../api/vote';
import { type Tone, toneStyle } from './StatePill';
import classes from './vote.module.css';
import { many } from './words';

export function VoteProof({ vote }: { vote: Vote }) {
  const replay = useQuery(replayQuery(vote.id));
  const verified = useQuery(verifyQuery(vote.id));
  const busy = replay.isFetching || verified.isFetching;
  const faults = verified.data?.faults ?? [];
  const error = replay.error ?? verified.error;
  const face: [Tone, string, typeof IconShieldCheck] = busy
    ? ['blue', 'Counting again', IconLoader2]
    : error
      ? ['grey', 'Could not be counted again', IconShieldX]
      : faults.length > 0
        ? ['red', `${many(faults.length, 'ballot')} changed`, IconShieldX]
        : replay.data?.same
          ? ['green', 'Replayed: the same', IconShieldCheck]
          : ['red', 'Replayed: another outcome', IconShieldX];
  const [tone, word, Icon] = face;
  return (
    <Tooltip
      multiline
      maw={360}
      label={
        faults[0]?.what ??
        'Every ballot is chained to the one before; the same ballots were counted again by the same rule. Press to do it again.'
      }
    >
      <button
        type="button"
        className={classes.proof}
        style={toneStyle(tone)}
        data-testid="replay"
        data-same={replay.data?.same}
        onClick={() => {
          void replay.refetch();
          void verified.refetch();
        }}
      >
        <Icon size={15} aria-hidden />
        <span aria-live="polite">{word}</span>
      </button>
    </Tooltip>
  );
}
