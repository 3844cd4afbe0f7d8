/** One vote: the question, the rule, who voted how and why, round by round, and what came of it. */
import { Button, SegmentedControl } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, Navigate, useParams } from 'react-router';
import { useVoteVerb, type VoteDetail, voteQuery } from '../api/vote';
import { Copy } from '../parts/Copy';
import { Fact, Facts } from '../parts/Facts';
import { Fold } from '../parts/Fold';
import { Band, Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { Prose } from '../parts/Prose';
import { VotePill } from '../parts/StatePill';
import { Ago, Countdown } from '../parts/Time';
import { VoteBallots } from '../parts/VoteBallots';
import { VoteBars } from '../parts/VoteBars';
import { VoteCast } from '../parts/VoteCast';
import { deciderWords } from '../parts/VoteLine';
import { VoteProof } from '../parts/VoteProof';
import { many } from '../parts/words';
import classes from './pages.module.css';
import styles from './vote.module.css';

const back = { to: '/decisions', word: 'Decisions' };

const levels: Record<string, string> = {
  unanimous: 'all agree',
  strong: 'strong agreement',
  majority: 'a majority agrees',
  split: 'opinions are split',
  failed: 'no agreement',
};

export function VotePage() {
  const { id = '' } = useParams();
  const { data, error } = useQuery(voteQuery(id));
  const [round, setRound] = useState<number | null>(null);
  if (!data) {
    return (
      <div className={classes.page}>
        <Head title="Vote" back={back} />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  const { vote } = data;
  if (vote.id !== id) return <Navigate to={`/votes/${vote.id}`} replace />;
  const rounds = Math.max(vote.round, ...data.ballots.map((ballot) => ballot.round));
  const shown = round ?? rounds;
  return (
    <div className={classes.page}>
      <Head
        title={vote.question}
        pill={<VotePill vote={vote} />}
        why={vote.decided?.why ?? vote.why ?? vote.rule.says}
        back={back}
      >
        {vote.state === 'closed' && <VoteProof vote={vote} />}
      </Head>
      {vote.detail && (
        <div className={`card ${styles.detail}`}>
          <Prose text={vote.detail} />
        </div>
      )}
      {vote.asks && <Asked data={data} />}
      {vote.decided && <Outcome data={data} />}
      <Rule data={data} />
      {vote.form === 'options' && (
        <Band
          title={rounds > 1 ? `Options, round ${shown}` : 'Options'}
          note={
            vote.state === 'open' ? (
              <>
                {many(vote.cast, 'ballot')}, ends <Countdown at={vote.deadline} />
              </>
            ) : vote.level ? (
              (levels[vote.level] ?? vote.level)
            ) : undefined
          }
        >
          {rounds > 1 && (
            <div className={styles.rounds}>
              <SegmentedControl
                size="xs"
                aria-label="Which round"
                value={String(shown)}
                onChange={(value) => setRound(Number(value))}
                data={Array.from({ length: rounds }, (_, i) => ({
                  value: String(i + 1),
                  label: `Round ${i + 1}`,
                }))}
              />
            </div>
          )}
          <VoteBars data={data} round={shown} />
        </Band>
      )}
      {vote.state === 'open' && <VoteCast data={data} />}
      <Band title="Ballots" note={data.ballots.length || undefined}>
        <VoteBallots data={data} />
      </Band>
      {data.vote.changes.length > 0 && (
        <Band title="Who changed its mind" note={data.vote.changes.length}>
          <ul className={styles.changes}>
            {data.vote.changes.map((change) => (
              <li key={`${change.voter} ${change.round}`}>
                <strong>{change.voter}</strong>, round {change.round}: {change.from} → {change.to}
              </li>
            ))}
          </ul>
        </Band>
      )}
      {vote.synthesis && (
        <Band title="The answer made of all">
          <div className={styles.pad}>
            <Prose text={vote.synthesis} />
          </div>
        </Band>
      )}
      <Told data={data} />
    </div>
  );
}

function Rule({ data: { vote, cli } }: { data: VoteDetail }) {
  return (
    <section className={`card ${styles.facts}`} aria-label="The rule">
      <p className={styles.ruleText}>{vote.rule.says}</p>
      <Facts>
        <Fact name="Quorum">{vote.rule.quorum}</Fact>
        {vote.rule.threshold && <Fact name="Needed">{vote.rule.threshold}</Fact>}
        <Fact name="Round">
          <span className="num">
            {vote.round} of {vote.rule.rounds}
          </span>
        </Fact>
        {vote.domain && <Fact name="Field">{vote.domain}</Fact>}
        {vote.rule.tie_break.length > 0 && (
          <Fact name="Between equals">{vote.rule.tie_break.join(', ')}</Fact>
        )}
        {vote.rule.on_deadlock.length > 0 && (
          <Fact name="On a deadlock">{vote.rule.on_deadlock.join(', then ')}</Fact>
        )}
        {vote.rule.security && <Fact name="Veto">any voter may</Fact>}
        <Fact name="Opened">
          <Ago at={vote.created_at} />
        </Fact>
        <Fact name="Vote">
          <Copy label="vote id" text={vote.id}>
            {vote.short}
          </Copy>
        </Fact>
        <Fact name="In the terminal">
          <Copy label="terminal command" text={cli} />
        </Fact>
      </Facts>
      <div className={styles.links}>
        {vote.session && (
          <Link to={`/sessions/${vote.session}`} className={classes.back}>
            Its session
          </Link>
        )}
        {vote.task && (
          <Link to={`/tasks/${vote.task}`} className={classes.back}>
            Its task
          </Link>
        )}
        {vote.follows && (
          <Link to={`/votes/${vote.follows.vote}`} className={classes.back}>
            The vote before it ({vote.follows.kind})
          </Link>
        )}
        {vote.next && (
          <Link to={`/votes/${vote.next}`} className={classes.back}>
            The vote after it
          </Link>
        )}
        <Link
          to={`/journal?topic=vote&subject=${encodeURIComponent(vote.id)}`}
          className={classes.back}
        >
          Its events in the journal
        </Link>
      </div>
    </section>
  );
}

/** What was decided, and whether it was right, which only time and a person can tell. */
function Outcome({ data: { vote } }: { data: VoteDetail }) {
  const act = useVoteVerb();
  const { decided, mark } = vote;
  if (!decided) return null;
  const say = (right: boolean) =>
    act.mutate({ id: vote.id, verb: 'mark', body: { right } }, { onError: toastProblem });
  return (
    <section className={`card ${styles.outcome}`} aria-label="What was decided">
      <div className={styles.outcomeText}>
        <strong>{decided.text}</strong>
        <span className="dim">
          by {deciderWords(decided.by)}, <Ago at={decided.at} />
          {decided.vote && (
            <>
              {' in '}
              <Link to={`/votes/${decided.vote}`} className="link">
                a later vote
              </Link>
            </>
          )}
        </span>
      </div>
      <div className={styles.marks}>
        <span className="dim">
          {mark
            ? `${mark.by} says it was ${mark.right ? 'right' : 'wrong'}${mark.instead ? `: ${mark.instead} would have been` : ''}`
            : 'Was it right?'}
        </span>
        <Button
          size="xs"
          variant={mark?.right ? 'filled' : 'default'}
          leftSection={<IconCheck size={14} aria-hidden />}
          loading={act.isPending}
          onClick={() => say(true)}
        >
          Right
        </Button>
        <Button
          size="xs"
          variant={mark && !mark.right ? 'filled' : 'default'}
          leftSection={<IconX size={14} aria-hidden />}
          disabled={act.isPending}
          onClick={() => say(false)}
        >
          Wrong
        </Button>
      </div>
    </section>
  );
}

/** The voters could not: a person decides. */
function Asked({ data: { vote } }: { data: VoteDetail }) {
  const act = useVoteVerb();
  return (
    <section className={`card ${styles.asked}`} aria-label="It asks you" data-testid="vote-asks">
      <strong>{vote.asks}</strong>
      <div className={styles.answers}>
        {vote.options.map((option) => (
          <Button
            key={option.id}
            variant="default"
            loading={act.isPending && JSON.stringify(act.variables?.body).includes(option.id)}
            onClick={() =>
              act.mutate(
                { id: vote.id, verb: 'decide', body: { option: option.id } },
                { onError: toastProblem },
              )
            }
          >
            {option.text}
          </Button>
        ))}
      </div>
    </section>
  );
}

function Told({ data: { context } }: { data: VoteDetail }) {
  const parts: [string, string[]][] = [
    ['Lines of the project', context.found],
    ['Files', context.files],
    ['Newest commits', context.commits],
  ];
  const some = parts.filter(([, lines]) => lines.length > 0);
  if (some.length === 0) return null;
  return (
    <div className={`card ${styles.told}`}>
      <Fold head="What voters were told beside the question">
        {some.map(([word, lines]) => (
          <div key={word} className={styles.toldPart}>
            <div className="dim">{word}</div>
            <ul className="mono">
              {lines.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          </div>
        ))}
      </Fold>
    </div>
  );
}
