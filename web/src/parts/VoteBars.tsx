/** Options as bars, with the faces of those who chose them and how much each word counts. */
import { IconTrophy } from '@tabler/icons-react';
import { type Ballot, named, type VoteDetail } from '../api/vote';
import { AgentName } from './AgentName';
import classes from './vote.module.css';

/** Who stands behind each option in a round, with the weight of each. */
export function standing(
  data: Pick<VoteDetail, 'ballots'> & { vote: Pick<VoteDetail['vote'], 'options' | 'electorate'> },
  round: number,
) {
  const weights = new Map(data.vote.electorate.map(({ name, weight }) => [name, weight]));
  const ballots = data.ballots.filter((ballot) => ballot.round === round);
  const whole = data.vote.electorate.reduce((sum, { weight }) => sum + weight, 0);
  return data.vote.options.map((option) => {
    const behind = ballots.filter((ballot: Ballot) => named(ballot)[0] === option.id);
    const weight = behind.reduce((sum, ballot) => sum + (weights.get(ballot.voter) ?? 1), 0);
    return {
      option,
      voters: behind.map(({ voter }) => ({ voter, weight: weights.get(voter) ?? 1 })),
      weight,
      share: whole === 0 ? 0 : weight / whole,
    };
  });
}

const figure = (value: number) => String(Math.round(value * 100) / 100);

export function VoteBars({ data, round }: { data: VoteDetail; round: number }) {
  const { vote } = data;
  const lines = standing(data, round);
  const weighted = vote.electorate.some(({ weight }) => weight !== 1);
  const winner = vote.decided?.option;
  const tally = data.vote.tallies[round - 1];
  return (
    <>
      <ul className={classes.bars} aria-label="Options">
        {lines.map(({ option, voters, weight, share }) => (
          <li
            key={option.id}
            className={classes.option}
            data-option={option.id}
            data-winner={winner === option.id}
          >
            <div className={classes.optionHead}>
              <span className={classes.optionText}>
                {winner === option.id && (
                  <IconTrophy size={15} role="img" aria-label="This was decided" />
                )}
                {option.text}
                {option.proposed_by && <span className="dim"> by {option.proposed_by}</span>}
              </span>
              <span className="num">
                {voters.length}
                {weighted && <span className="dim">, weight {figure(weight)}</span>}
              </span>
            </div>
            <div
              className={classes.bar}
              role="img"
              aria-label={`${Math.round(share * 100)} % of all ${weighted ? 'weight' : 'voters'}`}
            >
              <span style={{ width: `${share * 100}%` }} />
            </div>
            <div className={classes.voters}>
              {voters.map(({ voter, weight: own }) => (
                <span key={voter} className={classes.voter}>
                  <AgentName name={voter} faint />
                  {weighted && <span className="dim num">×{figure(own)}</span>}
                </span>
              ))}
            </div>
          </li>
        ))}
      </ul>
      {tally && <p className={classes.tally}>{tally.why}</p>}
      {tally && tally.rounds.length > 1 && (
        <ol className={classes.counts} aria-label="Countings">
          {tally.rounds.map((count) => (
            <li key={count.round} className="num">
              <span className="dim">{count.round}.</span>{' '}
              {Object.entries(count.votes)
                .toSorted(([, a], [, b]) => b - a)
                .map(([option, votes]) => `${option} ${votes}`)
                .join(', ')}
              {count.eliminated && <span className="dim">; {count.eliminated} goes</span>}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
