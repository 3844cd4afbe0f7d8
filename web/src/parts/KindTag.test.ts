import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hasFace } from './KindTag';

/** Every kind in the first column of a table of the documented events. */
const kinds = readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([a-z_]+\.[a-z_]+)`/g)])
  .map((match) => match[1] ?? '');

describe('faces of events', () => {
  it('reads the documented kinds', () => {
    expect(kinds.length).toBeGreaterThan(100);
    expect(kinds).toContain('run.milestone');
  });

  it('has a face for each of them', () => {
    expect([...new Set(kinds)].filter((kind) => !hasFace(kind))).toEqual([]);
  });
});
