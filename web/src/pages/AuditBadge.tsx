/** Whether the journal is whole: checked when you look, and again when you press. */
import { Tooltip } from '@mantine/core';
import { IconLoader2, IconShieldCheck, IconShieldX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { auditQuery } from '../api/queries';
import { exact } from '../live/clock';
import { ProblemNote } from '../parts/Problem';
import { type Tone, toneStyle } from '../parts/StatePill';
import { many } from '../parts/words';
import classes from './journal.module.css';

export function AuditBadge() {
  const { data, error, isFetching, refetch } = useQuery(auditQuery);
  const face: [Tone, string, typeof IconShieldCheck] = isFetching
    ? ['blue', 'Verifying', IconLoader2]
    : error
      ? ['red', 'Could not verify', IconShieldX]
      : data?.ok
        ? ['green', `Verified, ${many(data.events, 'event')}`, IconShieldCheck]
        : ['red', many(data?.problems.length ?? 0, 'problem'), IconShieldX];
  const [tone, word, Icon] = face;
  const why = data
    ? `${many(data.seals, 'seal')} checked, ${exact(data.checked_at)}. Press to check again.`
    : 'Checks every event against its seal';
  return (
    <div className={classes.audit}>
      <Tooltip label={why}>
        <button
          type="button"
          className={classes.badge}
          style={toneStyle(tone)}
          data-testid="audit"
          data-ok={data?.ok}
          onClick={() => void refetch()}
        >
          <Icon size={15} aria-hidden />
          <span aria-live="polite">{word}</span>
        </button>
      </Tooltip>
      {error && <ProblemNote error={error} />}
      {data && !data.ok && (
        <ul className={classes.problems}>
          {data.problems.slice(0, 5).map((problem) => (
            <li key={`${problem.seq} ${problem.what}`}>
              {problem.seq === null ? '' : `Event ${problem.seq}: `}
              {problem.what}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
