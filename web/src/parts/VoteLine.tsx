/** A vote in one line: the question, where it stands, what came of it. */
import { Link } from 'react-router';
import type { Vote } from '../api/vote';
import { useGlow } from '../live/useGlow';
import classes from '../pages/pages.module.css';
import { VotePill } from './StatePill';
import { Ago, Countdown } from './Time';
import { firstLine } from './words';

export const deciderWords = (by: string) => (by === 'rule' ? 'the rule' : by);

export function VoteLine({ vote }: { vote: Vote }) {
  const glow = useGlow<HTMLLIElement>(`${vote.state} ${vote.cast} ${vote.outcome}`);
  return (
    <li className={classes.line} ref={glow} data-vote={vote.id}>
      <span className={classes.state}>
        <VotePill vote={vote} />
      </span>
      <div className={classes.grow}>
        <div className="clip">
          <Link to={`/votes/${vote.id}`} className={classes.open} data-row>
            {firstLine(vote.question)}
          </Link>
        </div>
        <div className="dim clip">
          {vote.decided
            ? `${vote.decided.text}, by ${deciderWords(vote.decided.by)}`
            : (vote.asks ?? vote.why ?? vote.rule.says)}
        </div>
      </div>
      <div className={`${classes.meta} num`}>
        {vote.state === 'open' ? (
          <>
            <span>
              {vote.cast} of {vote.electorate.length * vote.rule.rounds} cast
            </span>
            <span>
              ends <Countdown at={vote.deadline} />
            </span>
          </>
        ) : (
          <Ago at={vote.closed_at ?? vote.created_at} />
        )}
      </div>
    </li>
  );
}
