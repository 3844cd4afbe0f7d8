/** What others said of a session's work, what was decided, and what was merged. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { mergesQuery } from '../api/merge';
import { reviewsQuery } from '../api/review';
import type { SessionDetail } from '../api/session';
import { votesQuery } from '../api/vote';
import classes from '../pages/pages.module.css';
import { Empty } from './Facts';
import { MergeLine } from './MergeLine';
import { Band } from './Page';
import { ProblemNote } from './Problem';
import { ReviewCard } from './ReviewCard';
import { Timeline } from './Timeline';
import { VoteLine } from './VoteLine';

export function SessionDecisions({ session }: { session: SessionDetail }) {
  const reviews = useInfiniteQuery(reviewsQuery({ session: session.id }));
  const votes = useInfiniteQuery(votesQuery({ session: session.id }));
  const merges = useQuery(mergesQuery);
  const merged = merges.data?.filter((merge) => merge.session === session.id) ?? [];
  const reviewed = reviews.data?.pages.flatMap((page) => page.reviews);
  const voted = votes.data?.pages.flatMap((page) => page.votes);
  return (
    <>
      <Band title="Reviews" note={reviewed?.length || undefined}>
        {reviews.error && <ProblemNote error={reviews.error} />}
        {reviewed?.length === 0 && (
          <Empty>Nobody has reviewed anything yet. Work that is reported is reviewed.</Empty>
        )}
        {reviewed?.map((review) => (
          <ReviewCard key={review.id} review={review} />
        ))}
      </Band>
      <Band title="Votes" note={voted?.length || undefined}>
        {votes.error && <ProblemNote error={votes.error} />}
        {voted?.length === 0 && <Empty>Nothing was voted on.</Empty>}
        {voted && voted.length > 0 && (
          <ul className={classes.rows} aria-label="Votes">
            {voted.map((vote) => (
              <VoteLine key={vote.id} vote={vote} />
            ))}
          </ul>
        )}
      </Band>
      <Band title="Merges" note={merged.length || undefined}>
        {merged.length === 0 && (
          <Empty>Nothing was merged yet. Verified and approved work goes to its branch.</Empty>
        )}
        <ul className={classes.rows} aria-label="Merges">
          {merged.map((merge) => (
            <MergeLine key={merge.id} merge={merge} />
          ))}
        </ul>
      </Band>
      <section className={classes.band} aria-label="Its decisions">
        <h2 className={classes.bandHead}>Its decisions</h2>
        <Timeline filter={{ topic: 'session', subject: session.id }} />
      </section>
    </>
  );
}
