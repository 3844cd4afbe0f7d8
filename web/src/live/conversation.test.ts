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
});

describe('gist', () => {
  it('takes the telling field', () => {
    expect(gist({ description: 'List', command: 'ls -la\npwd' })).toBe('ls -la');
    expect(gist({ other: 'thing' })).toBe('thing');
    expect(gist(null)).toBe('');
  });
});
