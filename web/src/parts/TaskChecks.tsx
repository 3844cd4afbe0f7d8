/** The checks before an agent got the task, and when it said that it was done. */
import { useQuery } from '@tanstack/react-query';
import { type Checked, type Task, taskChecksQuery } from '../api/task';
import { Empty } from './Facts';
import { Band } from './Page';
import { ProblemNote } from './Problem';
import { CheckPill } from './StatePill';
import { Ago } from './Time';
import classes from './task.module.css';
import { many } from './words';

const phases = {
  pre: 'Before the work',
  post: 'After the work',
} as const;

const order = { critical: 0, fail: 1, warning: 2, pass: 3 } as const;

export function TaskChecks({ task }: { task: Task }) {
  const { data: rounds, error } = useQuery(taskChecksQuery(task.id));
  return (
    <>
      {(['pre', 'post'] as const).map((phase) => {
        const of = rounds?.filter((each) => each.phase === phase) ?? [];
        const last = of.at(-1);
        return (
          <Band
            key={phase}
            title={phases[phase]}
            note={last ? `${passed(last)} of ${last.results.length} passed` : undefined}
          >
            {error && <ProblemNote error={error} />}
            {rounds && !last && (
              <Empty>
                {phase === 'pre'
                  ? 'Nothing was checked yet: that is done before it begins.'
                  : 'Nothing was checked yet: that is done when it is reported.'}
              </Empty>
            )}
            {last && <Round round={last} />}
            {of.length > 1 && (
              <p className={`${classes.earlier} dim`}>
                {many(of.length - 1, 'earlier round')} in its history.
              </p>
            )}
          </Band>
        );
      })}
    </>
  );
}

const passed = (round: Checked) => round.results.filter(({ level }) => level === 'pass').length;

function Round({ round }: { round: Checked }) {
  const results = round.results.toSorted((a, b) => (order[a.level] ?? 0) - (order[b.level] ?? 0));
  return (
    <>
      <p className={`${classes.earlier} dim`}>
        <Ago at={round.at} />
        {round.agent && `, for ${round.agent}`}
      </p>
      <ul className={classes.checks} aria-label={phases[round.phase]}>
        {results.map((result) => (
          <li
            key={`${result.check} ${result.message}`}
            className={classes.check}
            data-check={result.check}
            data-level={result.level}
          >
            <CheckPill level={result.level} />
            <span className={classes.checkText}>
              <strong>{result.check.replaceAll('_', ' ')}</strong>{' '}
              <span className="dim">{result.message}</span>
            </span>
            <span className={`${classes.category} dim`}>
              {result.category.replaceAll('_', ' ')}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
