/** The columns of the board, and what it means to move a card from one to another. */
import type { Task, TaskState, TaskVerb } from '../api/task';

export type ColumnId =
  | 'backlog'
  | 'ready'
  | 'running'
  | 'reported'
  | 'in_review'
  | 'verified'
  | 'refuted';

export interface Column {
  id: ColumnId;
  word: string;
  states: TaskState[];
  /** Of what is over the newest comes first; of what waits, what came first. */
  newest?: true;
  /** What an empty one says. */
  empty: string;
}

export const columns: Column[] = [
  {
    id: 'backlog',
    word: 'Backlog',
    states: ['backlog', 'waiting', 'blocked'],
    empty: 'Nothing waits.',
  },
  { id: 'ready', word: 'Ready', states: ['ready'], empty: 'Nothing is ready.' },
  { id: 'running', word: 'Running', states: ['claimed', 'running'], empty: 'Nobody works.' },
  { id: 'reported', word: 'Reported', states: ['reported'], empty: 'Nothing to check.' },
  { id: 'in_review', word: 'In review', states: ['in_review'], empty: 'Nothing to judge.' },
  {
    id: 'verified',
    word: 'Verified',
    states: ['verified'],
    newest: true,
    empty: 'Nothing is done yet.',
  },
  {
    id: 'refuted',
    word: 'Refuted',
    states: ['refuted', 'failed', 'cancelled'],
    newest: true,
    empty: 'Nothing went wrong.',
  },
];

export const columnOf = (state: TaskState): ColumnId =>
  columns.find(({ states }) => states.includes(state))?.id ?? 'backlog';

/** What a move asks the daemon for, or why there is no such move. The daemon has the last word. */
export type Move = { verb: TaskVerb } | { sentence: string } | null;

const lost = new Set<TaskState>(['refuted', 'failed', 'cancelled', 'blocked']);

/** Which verbs make sense for a task as it is. */
export function verbsOf(task: Pick<Task, 'state'>): TaskVerb[] {
  switch (task.state) {
    case 'backlog':
      return ['unshelve', 'assign', 'edit', 'cancel'];
    case 'waiting':
    case 'ready':
      return ['shelve', 'assign', 'edit', 'cancel'];
    case 'blocked':
      return ['shelve', 'retry', 'assign', 'edit', 'cancel'];
    case 'claimed':
    case 'running':
      return ['handover', 'cancel'];
    case 'reported':
    case 'in_review':
      return ['handover', 'cancel'];
    case 'refuted':
    case 'failed':
      return ['retry', 'handover', 'cancel'];
    case 'cancelled':
      return ['retry'];
    case 'verified':
      return [];
  }
}

export function moveTo(task: Pick<Task, 'state'>, to: ColumnId): Move {
  if (columnOf(task.state) === to) return null;
  switch (to) {
    case 'backlog':
      return { verb: 'shelve' };
    case 'ready':
      return { verb: lost.has(task.state) ? 'retry' : 'unshelve' };
    case 'running':
      return {
        sentence:
          'A task begins by itself when an agent is free. Drop it on an agent to say who does it.',
      };
    case 'reported':
      return { sentence: 'Only who works on a task can report it as done.' };
    case 'in_review':
      return { sentence: 'A review begins by itself when the work was reported.' };
    case 'verified':
      return { sentence: 'Only its checks and reviews can verify a task.' };
    case 'refuted':
      return {
        sentence: 'Only its checks and reviews can refute a task. To give it up, cancel it.',
      };
  }
}
