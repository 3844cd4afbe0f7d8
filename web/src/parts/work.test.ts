import { describe, expect, it } from 'vitest';
import type { Run } from '../api/model';
import { meetings, type Overlap } from '../api/task';
import type { Ballot } from '../api/vote';
import { asked } from '../pages/NewRun';
import { hueOf } from './AgentName';
import { badgeOf } from './SessionAgents';
import { standing } from './VoteBars';

const at = '2026-11-21T08:00:00Z';

describe('badges of agents', () => {
  const run = (state: Run['state'], attempt = 1) => ({ state, attempt }) as Run;

  it('are idle, working, recovering, error, as the run is', () => {
    expect(badgeOf(undefined).word).toBe('Idle');
    expect(badgeOf(run('running'))).toEqual({ tone: 'blue', word: 'Working' });
    expect(badgeOf(run('running', 2))).toEqual({ tone: 'amber', word: 'Recovering' });
    expect(badgeOf(run('failed'))).toEqual({ tone: 'red', word: 'Error' });
    expect(badgeOf(run('paused'))).toEqual({ tone: 'violet', word: 'Paused' });
    expect(badgeOf(run('verified')).word).toBe('Idle');
  });

  it('have one hue for a name, however it is written', () => {
    expect(hueOf('claude')).toBe(hueOf('Claude'));
  });
});

describe('bars of a vote', () => {
  const ballot = (voter: string, option: string | null, round = 1): Ballot => ({
    number: 1,
    round,
    voter,
    choice: option,
    ranking: null,
    abstain: option === null,
    veto: false,
    answer: null,
    changed: null,
    reason: '',
    confidence: null,
    at,
    by: 'daemon',
    run: null,
    before: '',
    hash: '',
  });
  const voter = (name: string, weight: number) => ({
    name,
    kind: 'agent' as const,
    weight,
    weight_from: 'given',
  });
  const option = (id: string) => ({ id, text: id, proposed_by: null, votes: null, weight: null });

  it('count the weight of a round, and abstentions for nobody', () => {
    const data = {
      vote: {
        options: [option('a'), option('b')],
        electorate: [voter('x', 2), voter('y', 1), voter('z', 1)],
      },
      ballots: [ballot('x', 'a'), ballot('y', 'b'), ballot('z', null), ballot('x', 'b', 2)],
    };
    const [a, b] = standing(data, 1);
    expect([a?.weight, a?.share, b?.weight, b?.share]).toEqual([2, 0.5, 1, 0.25]);
    expect(standing(data, 2).map(({ weight }) => weight)).toEqual([0, 2]);
  });
});

describe('where work meets', () => {
  const overlap: Overlap = {
    one: 'r1',
    other: 'r2',
    one_task: 't1',
    other_task: 't2',
    one_agent: 'ann',
    other_agent: 'bob',
    level: 'hot',
    files: [
      { path: 'a.rs', hot: true, lines: [[3, 9]] },
      { path: 'b.rs', hot: false, lines: [] },
    ],
  };

  it('is seen from both sides', () => {
    expect(meetings([overlap], 't2')).toEqual([
      { task: 't1', agent: 'ann', level: 'hot', paths: ['a.rs'] },
    ]);
    expect(meetings([overlap], 't1')[0]?.agent).toBe('bob');
    expect(meetings([overlap], 't3')).toEqual([]);
  });
});

describe('a new run', () => {
  it('says only what was filled in', () => {
    const empty = { evidence: '', budget: '', minutes: '', memory: '', tokens: '' } as const;
    expect(asked(empty)).toEqual({});
    expect(
      asked({ ...empty, evidence: 'tests\n\n file:a ', budget: 2, minutes: 30, memory: 512 }),
    ).toEqual({
      evidence: ['tests', 'file:a'],
      budget_usd: 2,
      limits: { time_ms: 1_800_000, memory: 512_000_000, tokens: undefined },
    });
  });
});
