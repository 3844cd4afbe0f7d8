/** Reviews: what others say of an agent's work. What the daemon sends, and each verb. */
import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { get, post, query } from './client';
import type { NeedsYou } from './model';

export type Verdict = 'approved' | 'concerns' | 'blocker';

export type ReviewState =
  | 'open'
  | 'handing_back'
  | 'halting'
  | 'watching'
  | 'needs_person'
  | 'closed';

export interface Opinion {
  verdict: Verdict;
  summary: string;
  issues: {
    severity: 'low' | 'medium' | 'high' | 'critical';
    description: string;
    file: string | null;
    line: number | null;
  }[];
  recommendations: string[];
  words: number;
  cut: boolean;
}

export interface Seat {
  reviewer: string;
  run: string | null;
  asked_at: string;
  answered_at: string | null;
  opinion: Opinion | null;
  /** Why there is no verdict of it. */
  missing: string | null;
  /** Why its first answer was given back to it. */
  sent_back: string | null;
}

export interface ReviewDecision {
  action: string;
  reason: string;
  next_steps: string[];
  /** Which of the four rules; none when a person decided. */
  rule: number | null;
  /** `policy`, or a person. */
  by: string;
  at: string;
}

export interface Review {
  id: string;
  short: string;
  number: number;
  trigger: { kind: string; text: string | null; by: string };
  run: string;
  author: string;
  task: string | null;
  session: string | null;
  round: number;
  focus: string | null;
  state: ReviewState;
  why: string;
  /** Of all; nothing while it is open. */
  verdict: Verdict | 'no_verdict' | null;
  seats: Seat[];
  deadline: string;
  due_at: string | null;
  decisions: ReviewDecision[];
  /** What the author was told of it. */
  instruction: string | null;
  person: { answer: string; note: string | null; by: string; at: string } | null;
  created_at: string;
  updated_at: string;
}

export interface ReviewDetail extends Review {
  /** Where it lies. */
  file: string;
  cli: string;
}

export type PersonsAnswer = 'approve' | 'concern' | 'stop';

const api = '/api/v1';

interface ReviewPage {
  reviews: Review[];
  next: string | null;
}

export interface ReviewFilter {
  session?: string;
  task?: string;
  run?: string;
  state?: 'open' | 'needs_person';
}

export const reviewsQuery = (filter: ReviewFilter = {}) =>
  infiniteQueryOptions({
    queryKey: ['reviews', filter],
    queryFn: ({ signal, pageParam }) =>
      get<ReviewPage>(
        `${api}/reviews${query({ ...filter, limit: 50, before: pageParam })}`,
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page: ReviewPage) => page.next ?? undefined,
  });

export const reviewQuery = (id: string) =>
  queryOptions({
    queryKey: ['review', id],
    queryFn: ({ signal }) => get<ReviewDetail>(`${api}/reviews/${encodeURIComponent(id)}`, signal),
  });

export function useAnswerReview() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, answer, note }: { id: string; answer: PersonsAnswer; note?: string }) =>
      post<Review>(`${api}/reviews/${encodeURIComponent(id)}/answer`, { answer, note }),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['reviews'] });
      void client.invalidateQueries({ queryKey: ['review'] });
      void client.invalidateQueries({ queryKey: ['status'] });
    },
  });
}

/** A person has a run's work looked at by another agent. */
export function useAskReview() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ run, focus }: { run: string; focus?: string }) =>
      post<Review>(`${api}/reviews`, { run, focus }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['reviews'] }),
  });
}

/** What reviews ask a person, as needs. */
export const askedReviewsQuery = queryOptions({
  queryKey: ['reviews', 'asked'],
  queryFn: ({ signal }) =>
    get<ReviewPage>(`${api}/reviews${query({ state: 'needs_person' })}`, signal).then(
      ({ reviews }) =>
        reviews.map(
          (review): NeedsYou => ({
            kind: 'review',
            subject: review.id,
            title: `Review of ${review.author}: ${review.why}`,
            since: review.updated_at,
            action: `orkestra review show ${review.short}`,
          }),
        ),
    ),
});
