/** What agents cost: budgets and how much of them is spent, and the books by agent, model, run or day. */
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Budget, UsageBy, UsageSum } from '../api/model';
import { budgetsQuery, usageQuery } from '../api/queries';
import { Empty } from '../parts/Facts';
import { Band, Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { toneStyle } from '../parts/StatePill';
import { Countdown } from '../parts/Time';
import { cost, count, money } from '../parts/words';
import styles from './money.module.css';
import classes from './pages.module.css';

const byWords: { value: UsageBy; label: string }[] = [
  { value: 'day', label: 'Day' },
  { value: 'agent', label: 'Agent' },
  { value: 'model', label: 'Model' },
  { value: 'run', label: 'Run' },
];

const spans = [
  { value: '24h', label: 'A day' },
  { value: '7d', label: 'A week' },
  { value: '30d', label: 'A month' },
];

export function Money() {
  const [by, setBy] = useState<UsageBy>('day');
  const [since, setSince] = useState('30d');
  const { data, error } = useQuery(usageQuery(by, since));
  return (
    <div className={classes.page}>
      <Head title="Money" why="What agents used, what it cost, and what they may spend." />
      <Budgets />
      <div className={styles.choice}>
        <SegmentedControl
          size="xs"
          data={byWords}
          value={by}
          onChange={(value) => setBy(value as UsageBy)}
          aria-label="Sum by"
        />
        <SegmentedControl
          size="xs"
          data={spans}
          value={since}
          onChange={setSince}
          aria-label="How far back"
        />
      </div>
      {!data && (error ? <ProblemNote error={error} /> : <Waiting />)}
      {data && (
        <Band title="Spent" note={cost(data.total)}>
          <div className={`${styles.row} ${classes.columns} ${styles.titles}`} aria-hidden="true">
            <span>{byWords.find((word) => word.value === data.by)?.label}</span>
            <span>Share</span>
            <span>Read</span>
            <span>Written</span>
            <span>Cost</span>
          </div>
          {data.groups.length === 0 && <Empty>Nothing was used in this time.</Empty>}
          <ul className={classes.rows} aria-label="Spent">
            {data.groups.map((sum) => (
              <Row key={sum.key} sum={sum} by={data.by} total={data.total} />
            ))}
          </ul>
          {data.total.unpriced > 0 && (
            <p className={`${classes.why} ${styles.note}`}>
              A plus sign means that the price of a model is not known: the cost is at least this.
            </p>
          )}
        </Band>
      )}
    </div>
  );
}

function Row({ sum, by, total }: { sum: UsageSum; by: UsageBy; total: UsageSum }) {
  // Where nothing has a price, tokens say more.
  const share =
    total.cost_usd > 0 ? sum.cost_usd / total.cost_usd : sum.tokens / (total.tokens || 1);
  return (
    <li className={styles.row}>
      <span className="clip">
        {by === 'run' ? (
          <Link to={`/runs/${sum.key}`} className="mono">
            {sum.key.slice(-8)}
          </Link>
        ) : (
          sum.key
        )}
      </span>
      <span className={styles.share} aria-hidden="true">
        <span style={{ width: `${Math.max(share * 100, 0.5)}%` }} />
      </span>
      <span
        className={`${classes.cell} num`}
        data-label="Read"
        title={`${sum.fresh_input} fresh, ${sum.cache_read} from the cache, ${sum.cache_write} into it`}
      >
        {count(sum.fresh_input + sum.cache_read + sum.cache_write)}
      </span>
      <span className={`${classes.cell} num`} data-label="Written">
        {count(sum.output)}
      </span>
      <span className={`${classes.cell} num`} data-label="Cost">
        {cost(sum)}
      </span>
    </li>
  );
}

function Budgets() {
  const { data, error } = useQuery(budgetsQuery);
  if (error && !data) return <ProblemNote error={error} />;
  if (!data) return null;
  return (
    <Band title="Budgets">
      {data.length === 0 && (
        <Empty>
          No budgets. Set one:{' '}
          <span className="mono">orkestra budget set daily 5.00 --per day</span>
        </Empty>
      )}
      <ul className={classes.rows} aria-label="Budgets">
        {data.map((budget) => (
          <Line key={`${budget.name} ${budget.run}`} budget={budget} />
        ))}
      </ul>
    </Band>
  );
}

const tone = (budget: Budget) =>
  budget.percent >= 100 ? 'red' : budget.percent >= 75 ? 'amber' : 'green';

function Line({ budget }: { budget: Budget }) {
  const shown = (amount: number) => (budget.unit === 'usd' ? money(amount) : count(amount));
  return (
    <li className={styles.budget} data-budget={budget.name} style={toneStyle(tone(budget))}>
      <span className={styles.what}>
        <strong>{budget.name}</strong>
        <span className={classes.cell}>
          {budget.scope}, per {budget.per}
          {budget.override && ` · lifted: ${budget.override.why}`}
        </span>
      </span>
      <span
        className={styles.bar}
        role="img"
        aria-label={`${budget.percent} % of ${budget.name} spent`}
      >
        <span style={{ width: `${Math.min(budget.percent, 100)}%` }} />
      </span>
      <span className={`${classes.cell} num`}>
        {budget.unpriced > 0 && 'at least '}
        {shown(budget.spent)} of {shown(budget.limit)}, {budget.percent} %
      </span>
      <span className={`${classes.cell} num`}>
        {budget.over ? (
          <span className={styles.over}>stops work</span>
        ) : (
          budget.until && (
            <>
              anew <Countdown at={budget.until} />
            </>
          )
        )}
      </span>
    </li>
  );
}
