/** A merge: what went where, and the keys that settle it when it stopped at a person. */
import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { type Merge, useMergeVerb } from '../api/merge';
import { useGlow } from '../live/useGlow';
import classes from './merge.module.css';
import { toastProblem } from './Problem';
import { MergePill } from './StatePill';
import { Ago } from './Time';

export function MergeLine({ merge }: { merge: Merge }) {
  const glow = useGlow<HTMLLIElement>(merge.state);
  const act = useMergeVerb();
  const press = (verb: 'retry' | 'cancel', body?: unknown) =>
    act.mutate({ id: merge.id, verb, body }, { onError: toastProblem });
  return (
    <li className={classes.merge} ref={glow} data-merge={merge.id} data-state={merge.state}>
      <div className={classes.head}>
        <MergePill merge={merge} />
        <span className={classes.what}>
          <span className="mono">{merge.from}</span> into <span className="mono">{merge.into}</span>
        </span>
        <span className="dim">
          <Ago at={merge.ended_at ?? merge.created_at} />
        </span>
      </div>
      {merge.why && <p className="dim">{merge.why}</p>}
      {merge.conflicts.length > 0 && (
        <p>
          Both sides changed <span className="mono">{merge.conflicts.join(', ')}</span> in the same
          place.
        </p>
      )}
      {merge.losses.length > 0 && (
        <ul className={classes.losses}>
          {merge.losses.map((loss) => (
            <li key={`${loss.path} ${loss.line} ${loss.says}`}>
              <span className="mono">{loss.path}</span>: {loss.says}
            </li>
          ))}
        </ul>
      )}
      {(merge.state === 'person' || merge.run || merge.task) && (
        <div className={classes.verbs}>
          {merge.state === 'person' && (
            <>
              <Button size="xs" loading={act.isPending} onClick={() => press('retry')}>
                Try again
              </Button>
              {merge.losses.length > 0 && (
                <Button
                  size="xs"
                  variant="default"
                  disabled={act.isPending}
                  onClick={() => press('retry', { accept: true })}
                >
                  Take it as it is
                </Button>
              )}
              <Button
                size="xs"
                variant="default"
                disabled={act.isPending}
                onClick={() => press('cancel')}
              >
                Give it up
              </Button>
            </>
          )}
          {merge.run && (
            <Link to={`/runs/${merge.run}?tab=changes`} className={classes.link}>
              its changes
            </Link>
          )}
        </div>
      )}
    </li>
  );
}
