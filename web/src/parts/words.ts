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

/** A cost; with a plus sign it is a lower bound, since some prices are not known. */
export function cost({ cost_usd, unpriced }: { cost_usd: number; unpriced: number }): string {
  if (unpriced > 0 && cost_usd === 0) return 'not known';
  return `${money(cost_usd)}${unpriced > 0 ? '+' : ''}`;
}

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number) => compact.format(value);

export const many = (value: number, one: string, more = `${one}s`) =>
  `${value.toLocaleString('en-US')} ${value === 1 ? one : more}`;

/** As the daemon's own sentences count: 1,000 bytes are a kB. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let left = value;
  let unit = 0;
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${left < 9.95 && unit > 0 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
}

export const percent = (value: number) =>
  `${value < 9.95 && value > 0 ? value.toFixed(1) : Math.round(value)} %`;
