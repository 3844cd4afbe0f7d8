/** Numbers and texts as people read them. */

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
