/** One review: why, who was asked, what each said, what followed. A person answers where one is asked. */
import { Button, Textarea } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { type PersonsAnswer, type Review, type Seat, useAnswerReview } from '../api/review';
import { useGlow } from '../live/useGlow';
import { AgentName } from './AgentName';
import { Fold } from './Fold';
import { toastProblem } from './Problem';
import classes from './review.module.css';
import { ReviewPill, VerdictPill } from './StatePill';
import { Ago, Countdown } from './Time';
import { many } from './words';

const because: Record<string, string> = {
  reported: 'the work was reported as done',
  milestone: 'a milestone was reached',
  blocker: 'something blocks the author',
  request: 'the author asked for it',
  person: 'a person asked for it',
  silence: 'nothing was heard of the author',
  again: 'an earlier review had a concern',
};

export const actionWords: Record<string, string> = {
  CONTINUE: 'Go on',
  LOG_WARNING: 'Go on, and look again',
  PAUSE_AND_CLARIFY: 'Halt and clarify',
  STOP_AND_ESCALATE: 'Stop and ask a person',
};

export function ReviewCard({ review, open }: { review: Review; open?: boolean }) {
  const glow = useGlow<HTMLElement>(`${review.state} ${review.decisions.length}`);
  return (
    <article
      className={classes.review}
      ref={glow}
      data-review={review.id}
      aria-label={`Review ${review.number} of ${review.author}`}
    >
      <header className={classes.head}>
        <ReviewPill review={review} />
        <span className={classes.what}>
          <Link to={`/reviews/${review.id}`} className={classes.link} data-row>
            Review {review.number}
          </Link>{' '}
          of <AgentName name={review.author} />
          {review.round > 1 && <span className="dim">, round {review.round}</span>}
        </span>
        <span className="dim">
          <Ago at={review.created_at} />
        </span>
      </header>
      <p className="dim">
        Because {because[review.trigger.kind] ?? review.trigger.kind}
        {review.trigger.text && `: ${review.trigger.text}`}.{' '}
        {review.focus && <>Look at: {review.focus} </>}
        {review.state === 'open' && (
          <>
            Answers are due <Countdown at={review.deadline} />.
          </>
        )}
        {review.state === 'watching' && review.due_at && (
          <>
            Looked at again <Countdown at={review.due_at} />.
          </>
        )}
      </p>
      <ul className={classes.seats} aria-label="Reviewers">
        {review.seats.map((seat) => (
          <SeatLine key={`${seat.reviewer} ${seat.run}`} seat={seat} open={open} />
        ))}
      </ul>
      {review.decisions.map((decision) => (
        <p key={`${decision.action} ${decision.at} ${decision.reason}`} className={classes.decided}>
          <strong>{actionWords[decision.action] ?? decision.action}</strong>: {decision.reason}
          {
            <span className="dim">
              {' '}
              ({decision.rule === null ? decision.by : `rule ${decision.rule}`})
            </span>
          }
        </p>
      ))}
      {review.person && (
        <p className={classes.decided}>
          <strong>{review.person.by}</strong> said {review.person.answer}
          {review.person.note && `: ${review.person.note}`}
        </p>
      )}
      {review.state === 'needs_person' && <Answer review={review} />}
    </article>
  );
}

function SeatLine({ seat, open }: { seat: Seat; open?: boolean }) {
  const { opinion } = seat;
  const waits = !opinion && !seat.missing;
  const head = (
    <span className={classes.seatHead}>
      <AgentName name={seat.reviewer} />
      {waits ? (
        <span className="dim">is asked</span>
      ) : (
        <VerdictPill verdict={opinion?.verdict ?? null} />
      )}
      <span className={classes.summary}>{opinion?.summary ?? seat.missing}</span>
    </span>
  );
  const more = opinion && (opinion.issues.length > 0 || opinion.recommendations.length > 0);
  return (
    <li className={classes.seat} data-reviewer={seat.reviewer} data-verdict={opinion?.verdict}>
      {more ? (
        <Fold head={head} open={open || opinion.verdict !== 'approved'}>
          <ul className={classes.issues}>
            {opinion.issues.map((issue) => (
              <li key={`${issue.file} ${issue.line} ${issue.description}`}>
                <strong>{issue.severity}</strong> {issue.description}
                {issue.file && (
                  <span className="mono dim">
                    {' '}
                    {issue.file}
                    {issue.line !== null && `:${issue.line}`}
                  </span>
                )}
              </li>
            ))}
            {opinion.recommendations.map((advice) => (
              <li key={advice}>
                <strong>advice</strong> {advice}
              </li>
            ))}
          </ul>
          <p className="dim num">
            {many(opinion.words, 'word')}
            {opinion.cut && ', cut to 200'}
          </p>
        </Fold>
      ) : (
        head
      )}
      {seat.run && (
        <Link to={`/runs/${seat.run}`} className={`${classes.link} ${classes.run} dim`}>
          its run
        </Link>
      )}
    </li>
  );
}

/** The person decides: take it, send it back, or give it up. */
function Answer({ review }: { review: Review }) {
  const answer = useAnswerReview();
  const [note, setNote] = useState('');
  const say = (word: PersonsAnswer) =>
    answer.mutate(
      { id: review.id, answer: word, note: note.trim() || undefined },
      { onError: toastProblem },
    );
  return (
    <div className={classes.answer} data-testid="review-answer">
      <Textarea
        label="What the author should know"
        autosize
        minRows={2}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
      <div className={classes.verbs}>
        <Button loading={answer.isPending} onClick={() => say('approve')}>
          Take it as it is
        </Button>
        <Button variant="default" disabled={answer.isPending} onClick={() => say('concern')}>
          Send it back
        </Button>
        <Button
          variant="default"
          color="red"
          disabled={answer.isPending}
          onClick={() => say('stop')}
        >
          Give it up
        </Button>
      </div>
    </div>
  );
}
