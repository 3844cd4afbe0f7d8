/** Every ballot in the order in which it was cast, with its reason and its place in the chain. */
import { Tooltip } from '@mantine/core';
import { IconLink } from '@tabler/icons-react';
import { Link } from 'react-router';
import { type Ballot, named, type VoteDetail } from '../api/vote';
import { AgentName } from './AgentName';
import { Empty } from './Facts';
import { Prose } from './Prose';
import { Ago } from './Time';
import classes from './vote.module.css';

export function VoteBallots({ data }: { data: VoteDetail }) {
  const { vote, ballots } = data;
  const text = new Map(vote.options.map((option) => [option.id, option.text]));
  const says = (ballot: Ballot) => {
    if (ballot.abstain) return 'abstains';
    if (ballot.veto) return 'vetoes it';
    if (ballot.answer) return 'answers';
    return named(ballot)
      .map((id) => text.get(id) ?? id)
      .join(' > ');
  };
  const cast = new Set(
    ballots.filter((ballot) => ballot.round === vote.round).map(({ voter }) => voter),
  );
  const missing = vote.state === 'closed' ? [] : vote.electorate.filter((v) => !cast.has(v.name));
  return (
    <>
      {ballots.length === 0 && missing.length === 0 && <Empty>Nobody voted.</Empty>}
      <ol className={classes.ballots} aria-label="Ballots">
        {ballots.map((ballot) => (
          <li key={ballot.number} className={classes.ballot} data-voter={ballot.voter}>
            <div className={classes.ballotHead}>
              <strong>
                <AgentName name={ballot.voter} />
              </strong>
              <span
                className={classes.says}
                data-says={ballot.veto ? 'veto' : ballot.abstain ? 'abstain' : 'choice'}
              >
                {says(ballot)}
              </span>
              {ballot.confidence !== null && (
                <span className="dim num">{ballot.confidence} % sure</span>
              )}
              {vote.rule.rounds > 1 && <span className="dim num">round {ballot.round}</span>}
              <span className={`${classes.end} dim`}>
                {ballot.run && (
                  <Link to={`/runs/${ballot.run}`} className="link">
                    its run
                  </Link>
                )}
                <Ago at={ballot.at} />
                <Tooltip label={`Ballot ${ballot.number}, chained: ${ballot.hash}`}>
                  <span className={`${classes.hash} mono`}>
                    <IconLink size={12} aria-hidden /> {ballot.hash.slice(0, 8)}
                  </span>
                </Tooltip>
              </span>
            </div>
            {ballot.answer && <Prose text={ballot.answer} />}
            {ballot.changed && <p className="dim">Changed: {ballot.changed}</p>}
            {ballot.reason && <p className={classes.reason}>{ballot.reason}</p>}
          </li>
        ))}
        {missing.map((voter) => (
          <li key={voter.name} className={classes.ballot}>
            <div className={classes.ballotHead}>
              <AgentName name={voter.name} faint />
              <span className="dim">
                {vote.absent.find((one) => one.voter === voter.name && one.round === vote.round)
                  ?.why ?? 'has not voted yet'}
              </span>
            </div>
          </li>
        ))}
      </ol>
    </>
  );
}
