import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../api/model';
import { conversation, gist } from './conversation';

const at = '2026-11-21T08:00:00Z';
const run = (stream: RunEvent[]) => ({ prompt: 'Fix it', created_at: at, stream });

describe('conversation', () => {
  it('joins a call with its result, even when others come between', () => {
    const steps = conversation(
      run([
        { seq: 1, at, type: 'tool_call', id: 'a', name: 'Bash', input: { command: 'ls' } },
        { seq: 2, at, type: 'text', text: 'Looking.' },
        { seq: 3, at, type: 'tool_result', id: 'a', output: 'x', is_error: false },
        { seq: 4, at, type: 'ended', ok: true, summary: 'Done.' },
      ]),
    );
    expect(steps.map((step) => step.type)).toEqual(['prompt', 'tool', 'text', 'ended']);
    expect(steps[1]).toMatchObject({ result: { output: 'x', is_error: false } });
  });

  it('keeps a result whose call was never seen', () => {
    const steps = conversation(run([{ seq: 1, at, type: 'tool_result', id: 'z', output: 'late' }]));
    expect(steps[1]).toMatchObject({ type: 'tool', name: 'Result', result: { output: 'late' } });
  });

  it('shows what an agent says of its way: milestones, progress, blockers, findings, wishes', () => {
    const steps = conversation(
      run([
        { seq: 1, at, type: 'milestone', text: 'Half', progress: 50, file: 'src/a.rs' },
        { seq: 2, at, type: 'progress', text: 'Going on' },
        { seq: 3, at, type: 'blocker', text: 'No network' },
        { seq: 4, at, type: 'finding', text: 'Off by one', severity: 'high', file: 'b.rs' },
        { seq: 5, at, type: 'review_request', text: 'Look at it' },
      ]),
    );
    expect(steps.slice(1)).toEqual([
      { key: '1', at, type: 'milestone', text: 'Half', progress: 50, file: 'src/a.rs' },
      { key: '2', at, type: 'progress', text: 'Going on', progress: null, file: null },
      { key: '3', at, type: 'blocker', text: 'No network', progress: null, file: null },
      { key: '4', at, type: 'finding', text: 'Off by one (high)', progress: null, file: 'b.rs' },
      { key: '5', at, type: 'review_request', text: 'Look at it', progress: null, file: null },
    ]);
  });
});

describe('gist', () => {
  it('takes the telling field', () => {
    expect(gist({ description: 'List', command: 'ls -la\npwd' })).toBe('ls -la');
    expect(gist({ other: 'thing' })).toBe('thing');
    expect(gist(null)).toBe('');
  });
});
