/** How far a session is, and which of the six points of done hold. */
import { IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { Criterion, SessionDetail } from '../api/session';
import { sessionTasksQuery } from '../api/task';
import { Empty } from './Facts';
import { Band } from './Page';
import { ProblemNote } from './Problem';
import classes from './session.module.css';
import { type GraphTask, TaskGraph } from './TaskGraph';

const points: Record<Criterion['point'], string> = {
  tasks: 'Every task is complete',
  review: 'The final review approved',
  files: 'Every promised file is there',
  integration: 'The merged work passes its checks',
  blockers: 'Nothing blocks',
  permissions: 'Nobody waits for a permission',
};

/** MISSION 2.8. */
const milestones = [25, 50, 75, 90, 100];

export function SessionDone({ session }: { session: SessionDetail }) {
  const { data: tasks, error } = useQuery(sessionTasksQuery(session.id));
  const done = tasks?.filter(({ state }) => state === 'verified').length ?? 0;
  const live = tasks?.filter(({ state }) => state !== 'cancelled').length ?? 0;
  const percent = live === 0 ? 0 : Math.round((done / live) * 100);
  const graph: GraphTask[] = (tasks ?? []).map((task) => ({
    id: task.id,
    title: task.title,
    state: task.state,
    agent: task.agent,
    depends: task.depends,
    to: `/tasks/${task.id}`,
  }));
  return (
    <>
      <Band title="Tasks" note={live > 0 ? `${done} of ${live} verified, ${percent} %` : undefined}>
        {live > 0 && (
          <div
            className={classes.way}
            role="img"
            aria-label={`${percent} % are verified; milestones at 25, 50, 75, 90 and 100 %`}
          >
            <span className={classes.wayPart} style={{ width: `${percent}%` }} />
            {milestones.map((at) => (
              <span
                key={at}
                className={classes.wayMark}
                data-reached={percent >= at}
                style={{ left: `${at}%` }}
              >
                {at}
              </span>
            ))}
          </div>
        )}
        {error && <ProblemNote error={error} />}
        {tasks && tasks.length === 0 && <Empty>There are no tasks before there is a plan.</Empty>}
        {graph.length > 0 && <TaskGraph tasks={graph} label="Tasks of this session" />}
      </Band>
      <Band title="Done when" note={`${session.criteria.filter((c) => c.holds).length} of 6`}>
        {session.criteria.length === 0 && (
          <Empty>These are looked at when all its work is merged.</Empty>
        )}
        <ul className={classes.points} aria-label="Points of done">
          {session.criteria.map(({ point, holds, why }) => (
            <li key={point} className={classes.point} data-holds={holds}>
              {holds ? (
                <IconCircleCheck size={18} role="img" aria-label="Holds" />
              ) : (
                <IconCircleX size={18} role="img" aria-label="Does not hold" />
              )}
              <div>
                <strong>{points[point] ?? point}</strong>
                <div className="dim">{why}</div>
              </div>
            </li>
          ))}
        </ul>
      </Band>
    </>
  );
}
