/** What was decided by vote, and what others said of agents' work. */
import { Button, SegmentedControl } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { mergesQuery } from '../api/merge';
import { reviewsQuery } from '../api/review';
import { votesQuery } from '../api/vote';
import { Empty } from '../parts/Facts';
import { MergeLine } from '../parts/MergeLine';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { ReviewCard } from '../parts/ReviewCard';
import { useRowKeys } from '../parts/useRowKeys';
import { VoteLine } from '../parts/VoteLine';
import classes from './pages.module.css';

export function Decisions() {
  const [params, setParams] = useSearchParams();
  const tab = params.get('tab') ?? 'votes';
  useRowKeys();
  return (
    <div className={classes.page}>
      <Head
        title="Decisions"
        why="Votes with their ballots and rules, reviews with their verdicts, and what was merged."
      >
        <SegmentedControl
          size="xs"
          aria-label="Which decisions"
          value={tab}
          onChange={(value) =>
            setParams(value === 'votes' ? {} : { tab: value }, { replace: true })
          }
          data={[
            { value: 'votes', label: 'Votes' },
            { value: 'reviews', label: 'Reviews' },
            { value: 'merges', label: 'Merges' },
          ]}
        />
      </Head>
      {tab === 'votes' && <Votes />}
      {tab === 'reviews' && <Reviews />}
      {tab === 'merges' && <Merges />}
    </div>
  );
}

function Votes() {
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    votesQuery(),
  );
  const votes = data?.pages.flatMap((page) => page.votes);
  if (!votes) return error ? <ProblemNote error={error} /> : <Waiting rows={5} />;
  return (
    <>
      <div className={classes.card}>
        {votes.length === 0 && (
          <Empty>
            Nothing was voted on yet. <span className="mono">orkestra vote open</span> asks a
            question.
          </Empty>
        )}
        <ul className={classes.rows} aria-label="Votes">
          {votes.map((vote) => (
            <VoteLine key={vote.id} vote={vote} />
          ))}
        </ul>
      </div>
      {hasNextPage && (
        <Button
          mt="md"
          variant="default"
          loading={isFetchingNextPage}
          onClick={() => fetchNextPage()}
        >
          Older votes
        </Button>
      )}
    </>
  );
}

function Merges() {
  const { data: merges, error } = useQuery(mergesQuery);
  if (!merges) return error ? <ProblemNote error={error} /> : <Waiting rows={5} />;
  return (
    <div className={classes.card}>
      {merges.length === 0 && <Empty>Nothing was merged yet.</Empty>}
      <ul className={classes.rows} aria-label="Merges">
        {merges.map((merge) => (
          <MergeLine key={merge.id} merge={merge} />
        ))}
      </ul>
    </div>
  );
}

function Reviews() {
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    reviewsQuery(),
  );
  const reviews = data?.pages.flatMap((page) => page.reviews);
  if (!reviews) return error ? <ProblemNote error={error} /> : <Waiting rows={5} />;
  return (
    <>
      <div className={classes.card}>
        {reviews.length === 0 && <Empty>Nobody has reviewed anything yet.</Empty>}
        {reviews.map((review) => (
          <ReviewCard key={review.id} review={review} />
        ))}
      </div>
      {hasNextPage && (
        <Button
          mt="md"
          variant="default"
          loading={isFetchingNextPage}
          onClick={() => fetchNextPage()}
        >
          Older reviews
        </Button>
      )}
    </>
  );
}
