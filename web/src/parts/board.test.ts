import { describe, expect, it } from 'vitest';
import type { TaskState } from '../api/task';
import { columnOf, columns, moveTo, verbsOf } from './board';

const states: TaskState[] = [
  'backlog',
  'waiting',
  'blocked',
  'ready',
  'claimed',
  'running',
  'reported',
  'in_review',
  'verified',
  'refuted',
  'failed',
  'cancelled',
];

describe('the board', () => {
  it('has one place for every state', () => {
    for (const state of states) {
      expect(columns.filter((column) => column.states.includes(state))).toHaveLength(1);
    }
    expect(columnOf('blocked')).toBe('backlog');
    expect(columnOf('failed')).toBe('refuted');
  });

  it('asks the daemon for what a drop means', () => {
    expect(moveTo({ state: 'ready' }, 'backlog')).toEqual({ verb: 'shelve' });
    expect(moveTo({ state: 'backlog' }, 'ready')).toEqual({ verb: 'unshelve' });
    expect(moveTo({ state: 'refuted' }, 'ready')).toEqual({ verb: 'retry' });
    expect(moveTo({ state: 'failed' }, 'ready')).toEqual({ verb: 'retry' });
    expect(moveTo({ state: 'ready' }, 'ready')).toBeNull();
  });

  it('says in a sentence what only work can do', () => {
    for (const to of ['running', 'reported', 'in_review', 'verified'] as const) {
      expect(moveTo({ state: 'ready' }, to)).toMatchObject({
        sentence: expect.stringMatching(/\.$/),
      });
    }
  });

  it('offers no verb for what is done', () => {
    expect(verbsOf({ state: 'verified' })).toEqual([]);
    expect(verbsOf({ state: 'running' })).toContain('cancel');
  });
});
