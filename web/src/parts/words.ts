/** Numbers and texts as people read them. */
import type { Run } from '../api/model';

/** What came of a run: its agent's last words, or why there is nothing to be glad about. */
export const runWords = (run: Pick<Run, 'state' | 'summary' | 'why'>) =>
  run.state === 'failed' ? run.why : run.summary || run.why;

export const firstLine = (text: string) => text.trimStart().split('\n', 1)[0] ?? '';

const dollars = new Intl.NumberFormat('en-US', {
  style: 'currency',
  currency: 'USD',
  minimumFractionDigits: 2,
  maximumFractionDigits: 3,
});

export const money = (usd: number) => dollars.format(usd);

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number) => compact.format(value);

export const many = (value: number, one: string, more = `${one}s`) =>
  `${value.toLocaleString('en-US')} ${value === 1 ? one : more}`;
