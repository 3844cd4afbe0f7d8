/** What others said of a task's work. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { reviewsQuery } from '../api/review';
import { Empty } from './Facts';
import { Band } from './Page';
import { ProblemNote } from './Problem';
import { ReviewCard } from './ReviewCard';

export function TaskReviews({ task }: { task: string }) {
  const { data, error } = useInfiniteQuery(reviewsQuery({ task }));
  const reviews = data?.pages.flatMap((page) => page.reviews);
  return (
    <Band title="Reviews" note={reviews?.length || undefined}>
      {error && <ProblemNote error={error} />}
      {reviews?.length === 0 && <Empty>Nobody has reviewed it yet.</Empty>}
      {reviews?.map((review) => (
        <ReviewCard key={review.id} review={review} />
      ))}
    </Band>
  );
}
