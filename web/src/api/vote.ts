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
  /** `one`, `domain cloud`, `record 3:1`, `given`. */
  weight_from: string;
}

export interface VoteOption {
  id: string;
  text: string;
  proposed_by: string | null;
  votes: number | null;
  weight: number | null;
}

export interface Vote {
  id: string;
  short: string;
  form: 'options' | 'question';
  question: string;
  detail: string | null;
  kind: string;
  domain: string | null;
  options: VoteOption[];
  rule: {
    method: string;
    threshold: string | null;
    quorum: string;
    tie_break: string[];
    on_deadlock: string[];
    rounds: number;
    /** Whether any voter may veto. */
    security: boolean;
    /** In one sentence. */
    says: string;
  };
  electorate: Voter[];
  creator: string | null;
  task: string | null;
  session: string | null;
  mediator: string | null;
  state: 'open' | 'mediating' | 'closed';
  round: number;
  deadline: string;
  cast: number;
  /** What each round came to. */
  tallies: Tally[];
  changes: { voter: string; round: number; from: string; to: string }[];
  /** From whom no ballot comes, and why. */
  absent: { voter: string; round: number; why: string }[];
  outcome: VoteOutcome | null;
  why: string | null;
  level: string | null;
  decided: {
    option: string;
    text: string;
    by: string;
    why: string;
    at: string;
    vote: string | null;
  } | null;
  /** What a person is asked, while one is. */
  asks: string | null;
  synthesis: string | null;
  follows: { vote: string; kind: string } | null;
  next: string | null;
  mark: {
    right: boolean;
    instead: string | null;
    why: string | null;
    by: string;
    at: string;
  } | null;
  hash: string;
  opened_by: string;
  created_at: string;
  closed_at: string | null;
}

export interface Ballot {
  number: number;
  round: number;
  voter: string;
  /** One option, or all of them with the best first. */
  choice: string | null;
  ranking: string[] | null;
  abstain: boolean;
  veto: boolean;
  answer: string | null;
  changed: string | null;
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
  rounds: {
    round: number;
    votes: Record<string, number>;
    exhausted: number;
    eliminated: string | null;
  }[];
  tied?: string[];
  tie_break?: { by: string; voter: string | null; draw: number | null } | null;
  vetoed_by?: string[];
  why: string;
}

export interface VoteDetail {
  vote: Vote;
  ballots: Ballot[];
  context: { found: string[]; files: string[]; commits: string[] };
  cli: string;
}

/** The options that a ballot names, the best first. */
export const named = (ballot: Pick<Ballot, 'choice' | 'ranking'>) =>
  ballot.ranking ?? (ballot.choice === null ? [] : [ballot.choice]);

/** The same ballots counted again by the same rule. */
export interface Replay {
  rounds: { round: number; kept: Tally | null; counted: Tally; same: boolean }[];
  same: boolean;
}

export interface Verified {
  ok: boolean;
  votes: number;
  ballots: number;
  faults: { vote: string; ballot: number | null; what: string }[];
}

const api = '/api/v1';
const one = (id: string) => `${api}/votes/${encodeURIComponent(id)}`;

interface VotePage {
  votes: Vote[];
  next: string | null;
}

export const votesQuery = (filter: { session?: string; task?: string } = {}) =>
  infiniteQueryOptions({
    queryKey: ['votes', filter],
    queryFn: ({ signal, pageParam }) =>
      get<VotePage>(`${api}/votes${query({ ...filter, limit: 50, before: pageParam })}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: VotePage) => page.next ?? undefined,
  });

export const voteQuery = (id: string) =>
  queryOptions({
    queryKey: ['vote', id],
    queryFn: ({ signal }) =>
      get<Vote & Omit<VoteDetail, 'vote'>>(one(id), signal).then(
        ({ ballots, context, cli, ...vote }): VoteDetail => ({ vote, ballots, context, cli }),
      ),
  });

export const replayQuery = (id: string) =>
  queryOptions({
    queryKey: ['vote', id, 'replay'],
    queryFn: ({ signal }) => get<Replay>(`${one(id)}/replay`, signal),
  });

export const verifyQuery = (id: string) =>
  queryOptions({
    queryKey: ['vote', id, 'verify'],
    queryFn: ({ signal }) => get<Verified>(`${api}/votes/verify${query({ vote: id })}`, signal),
  });

export interface NewBallot {
  voter?: string;
  option?: string;
  ranking?: string[];
  abstain?: boolean;
  veto?: boolean;
  answer?: string;
  reason: string;
  confidence?: number;
}

export type VoteVerb = 'cast' | 'close' | 'decide' | 'mark';

export function useVoteVerb() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, verb, body }: { id: string; verb: VoteVerb; body?: unknown }) =>
      post<Vote>(`${one(id)}/${verb}`, body),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['votes'] });
      void client.invalidateQueries({ queryKey: ['vote'] });
      void client.invalidateQueries({ queryKey: ['status'] });
    },
  });
}
