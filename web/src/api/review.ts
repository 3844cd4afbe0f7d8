/** Reviews: what others say of an agent's work. What the daemon sends, and each verb. */
import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { get, post, query } from './client';

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
}

export interface ReviewDecision {
  action: string;
  reason: string;
  next_steps?: string[];
  at?: string;
  by?: string;
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
  seats: Seat[];
  deadline: string;
  due_at: string | null;
  decisions: ReviewDecision[];
  person: { answer: string; note: string | null; by: string; at: string } | null;
  created_at: string;
  updated_at: string;
}

export type PersonsAnswer = 'approve' | 'concern' | 'stop';

const api = '/api/v1/reviews';

interface ReviewPage {
  reviews: Review[];
  next: string | null;
}

export interface ReviewFilter {
  session?: string;
  task?: string;
  run?: string;
}

export const reviewsQuery = (filter: ReviewFilter = {}) =>
  infiniteQueryOptions({
    queryKey: ['reviews', filter],
    queryFn: ({ signal, pageParam }) =>
      get<ReviewPage>(`${api}${query({ ...filter, limit: 50, before: pageParam })}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: ReviewPage) => page.next ?? undefined,
  });

export const reviewQuery = (id: string) =>
  queryOptions({
    queryKey: ['review', id],
    queryFn: ({ signal }) => get<Review>(`${api}/${encodeURIComponent(id)}`, signal),
  });

export function useAnswerReview() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, answer, note }: { id: string; answer: PersonsAnswer; note?: string }) =>
      post<Review>(`${api}/${encodeURIComponent(id)}/answer`, { answer, note }),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['reviews'] });
      void client.invalidateQueries({ queryKey: ['review'] });
      void client.invalidateQueries({ queryKey: ['status'] });
    },
  });
}
