/** Errors say code, cause and next step, in place or as a toast. */
import { notifications } from '@mantine/notifications';
import { IconAlertCircle } from '@tabler/icons-react';
import { asProblem } from '../api/client';
import classes from './parts.module.css';

function Lines({ error }: { error: unknown }) {
  const problem = asProblem(error);
  return (
    <>
      {problem.message !== problem.title && <p>{problem.message}</p>}
      {problem.errors.map((each) => (
        <p key={`${each.file}:${each.line}:${each.column}:${each.message}`}>
          <span className="mono">
            {[each.file, each.line, each.column].filter((part) => part != null).join(':')}
          </span>{' '}
          {each.message}
          {each.hint && <span className="dim"> {each.hint}</span>}
        </p>
      ))}
      {problem.hint && <p className="dim">Next: {problem.hint}</p>}
    </>
  );
}

function heading(error: unknown) {
  const problem = asProblem(error);
  return problem.code ? `${problem.title} (${problem.code})` : problem.title;
}

export function ProblemNote({ error }: { error: unknown }) {
  return (
    <div className={classes.problem} role="alert">
      <IconAlertCircle size={18} aria-hidden />
      <div>
        <div className={classes.problemTitle}>{heading(error)}</div>
        <Lines error={error} />
      </div>
    </div>
  );
}

export function toastProblem(error: unknown) {
  notifications.show({
    color: 'red',
    title: heading(error),
    message: <Lines error={error} />,
    autoClose: 10_000,
    withBorder: true,
  });
}
