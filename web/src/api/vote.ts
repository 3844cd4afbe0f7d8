/** Votes: a question, options, voters and a rule. What the daemon sends, and each verb. */
import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { get, post, query } from './client';

export type VoteOutcome = 'decided' | 'failed' | 'no_quorum' | 'deadlock' | 'tie';

export interface Voter {
  name: string;
  kind: 'agent' | 'person' | 'external';
  weight: number;
  weight_from: string;
}

export interface Ballot {
  number: number;
  round: number;
  voter: string;
  choice?: string | null;
  ranking?: string[] | null;
  abstain?: boolean;
  veto?: boolean;
  says?: unknown;
  reason: string;
  confidence: number | null;
  at: string;
  by: string;
  run: string | null;
  before: string;
  hash: string;
}

export interface Tally {
  outcome: VoteOutcome;
  winner: string | null;
  level: string;
  electorate: number;
  participated: number;
  chose: number;
  quorum: number;
  scores: { option: string; votes: number; weight: number }[];
  why: string;
}

export interface Vote {
  id: string;
  short: string;
  form: 'options' | 'question';
  question: string;
  detail: string | null;
  kind: string;
  domain: string | null;
  options: { id: string; text: string; proposed_by: string | null }[];
  rule: { method: string; says?: string; [key: string]: unknown };
  electorate: Voter[];
  task: string | null;
  session: string | null;
  state: 'open' | 'mediating' | 'closed';
  round: number;
  deadline: string;
  cast: number;
  tallies: Tally[];
  changes: { voter: string; round: number; from: string; to: string }[];
  absent: { voter: string; round: number; why: string }[];
  outcome: VoteOutcome | null;
  why: string | null;
  decided: { option: string; text: string; by: string; why: string; at: string } | null;
  /** What a person is asked, while one is. */
  asks: string | null;
  synthesis: string | null;
  mark: { right: boolean; instead: string | null; why: string | null; by: string } | null;
  follows: { vote: string; kind: string } | null;
  next: string | null;
  opened_by: string;
  created_at: string;
  closed_at: string | null;
}

export interface VoteDetail extends Vote {
  ballots: Ballot[];
  cli: string;
}

const api = '/api/v1/votes';
const one = (id: string) => `${api}/${encodeURIComponent(id)}`;

interface VotePage {
  votes: Vote[];
  next: string | null;
}

export const votesQuery = (filter: { session?: string; task?: string } = {}) =>
  infiniteQueryOptions({
    queryKey: ['votes', filter],
    queryFn: ({ signal, pageParam }) =>
      get<VotePage>(`${api}${query({ ...filter, limit: 50, before: pageParam })}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: VotePage) => page.next ?? undefined,
  });

export const voteQuery = (id: string) =>
  queryOptions({
    queryKey: ['vote', id],
    queryFn: ({ signal }) => get<VoteDetail>(one(id), signal),
  });
export type VoteVerb = 'cast' | 'close' | 'mark' | 'decide' | 'revote';

export function useVoteVerb() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, verb, body }: { id: string; verb: VoteVerb; body?: unknown }) =>
      post<Vote>(`${one(id)}/${verb}`, body),
    onSettled: (_data, _error, { id }) => {
      void client.invalidateQueries({ queryKey: ['votes'] });
      void client.invalidateQueries({ queryKey: ['vote', id] });
      void client.invalidateQueries({ queryKey: ['status'] });
    },
  });
}
