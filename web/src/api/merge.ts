/** Merges: work that is put into a branch. What the daemon sends, and each verb. */
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { get, post } from './client';
import type { NeedsYou } from './model';

export type MergeState =
  | 'waiting'
  | 'rebasing'
  | 'checking'
  | 'conflict'
  | 'person'
  | 'merged'
  | 'refused'
  | 'undone';

export interface Merge {
  id: string;
  short: string;
  /** Nothing for a whole session's. */
  run: string | null;
  task: string | null;
  session: string | null;
  from: string;
  into: string;
  state: MergeState;
  why: string | null;
  commit: string | null;
  /** Files that both sides changed in the same place. */
  conflicts: string[];
  losses: { kind: string; path: string; line: string | null; says: string }[];
  by: string;
  created_at: string;
  ended_at: string | null;
  cli: string;
}

const api = '/api/v1';

export const mergesQuery = queryOptions({
  queryKey: ['merges'],
  queryFn: ({ signal }) =>
    get<{ merges: Merge[] }>(`${api}/merges?limit=200`, signal).then(({ merges }) => merges),
});

export type MergeVerb = 'retry' | 'cancel' | 'undo';

export function useMergeVerb() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, verb, body }: { id: string; verb: MergeVerb; body?: unknown }) =>
      post<Merge>(`${api}/merges/${encodeURIComponent(id)}/${verb}`, body),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['merges'] });
      void client.invalidateQueries({ queryKey: ['status'] });
    },
  });
}

/** Merges that stopped at a person, as needs. */
export const askedMergesQuery = queryOptions({
  ...mergesQuery,
  select: (merges: Merge[]) =>
    merges
      .filter(({ state }) => state === 'person')
      .map(
        (merge): NeedsYou => ({
          kind: 'merge',
          subject: merge.id,
          title: `${merge.from} cannot be merged by itself: ${merge.why ?? 'look at it'}`,
          since: merge.created_at,
          action: merge.cli,
        }),
      ),
});
