/** The plan of a session, by phases, and what was said about it. */
import { IconCircleCheck, IconHelpCircle, IconMessage } from '@tabler/icons-react';
import type { PlannedTask, SessionDetail } from '../api/session';
import { AgentName } from './AgentName';
import { Empty } from './Facts';
import { Fold } from './Fold';
import { Band } from './Page';
import { Prose } from './Prose';
import classes from './session.module.css';
import { TaskGraph } from './TaskGraph';
import { many } from './words';

export function SessionPlan({ session }: { session: SessionDetail }) {
  const { plan } = session;
  if (!plan) {
    return (
      <Band title="Plan">
        <Empty>
          {session.state === 'planning'
            ? 'The planner is at work.'
            : 'There is no plan. The session page asks you what to do.'}
        </Empty>
        <Problems problems={session.plan_problems} />
      </Band>
    );
  }
  const phases = [...new Set(plan.tasks.map(({ phase }) => phase ?? ''))];
  const link = new Map(session.tasks.map(({ key, id }) => [key, id]));
  return (
    <>
      <Band
        title="Plan"
        note={session.planned_by === 'template' ? 'by roles' : `by ${session.planned_by ?? '?'}`}
      >
        {plan.summary && (
          <div className={classes.summary}>
            <Prose text={plan.summary} />
          </div>
        )}
        <Problems problems={session.plan_problems} />
        <TaskGraph
          label="The plan"
          tasks={plan.tasks.map((task) => ({
            id: task.key,
            title: task.title,
            state: null,
            agent: task.agent,
            depends: task.depends.map((on) => ({ task: on, kind: 'hard' })),
            to: link.has(task.key) ? `/tasks/${link.get(task.key)}` : null,
          }))}
        />
      </Band>
      {phases.map((phase) => (
        <Band
          key={phase}
          title={phase === '' ? 'Tasks' : phase.charAt(0).toUpperCase() + phase.slice(1)}
          note={plan.tasks.filter((task) => (task.phase ?? '') === phase).length}
        >
          <ul className={classes.planned}>
            {plan.tasks
              .filter((task) => (task.phase ?? '') === phase)
              .map((task) => (
                <Planned key={task.key} task={task} />
              ))}
          </ul>
        </Band>
      ))}
      {session.comments.length > 0 && <Comments session={session} />}
    </>
  );
}

function Problems({ problems }: { problems: string[] }) {
  if (problems.length === 0) return null;
  return (
    <div className={classes.problems}>
      <strong>The last answer could not be taken:</strong>
      <ul>
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </div>
  );
}

function Planned({ task }: { task: PlannedTask }) {
  const lines: [string, string[]][] = [
    ['Responsibilities', task.responsibilities],
    ['Deliverables', task.deliverables],
    ['Hands over', task.hands_over],
    ['Evidence', task.evidence],
    ['Comes after', task.depends],
    ['Needs', task.needs],
  ];
  return (
    <li className={classes.plannedTask}>
      <Fold
        head={
          <span className={classes.plannedHead}>
            <strong>{task.title}</strong>
            <span className="mono dim">{task.key}</span>
            <span className="dim">{task.role}</span>
            {task.agent && <AgentName name={task.agent} faint />}
            {task.priority !== 'medium' && <span className="dim">{task.priority}</span>}
            {task.complexity && <span className="dim">{task.complexity} complexity</span>}
            {task.estimated_tokens && (
              <span className="dim num">{task.estimated_tokens} tokens</span>
            )}
          </span>
        }
      >
        <Prose text={task.prompt} />
        <dl className={classes.lines}>
          {lines
            .filter(([, list]) => list.length > 0)
            .map(([word, list]) => (
              <div key={word}>
                <dt>{word}</dt>
                <dd>{list.join(', ')}</dd>
              </div>
            ))}
        </dl>
      </Fold>
    </li>
  );
}

function Comments({ session }: { session: SessionDetail }) {
  const rounds = [...new Set(session.comments.map(({ round }) => round))].toSorted((a, b) => b - a);
  return (
    <Band title="What agents say of the plan" note={many(rounds.length, 'round')}>
      <ul className={classes.comments}>
        {rounds.flatMap((round) =>
          session.comments
            .filter((comment) => comment.round === round)
            .map((comment) => (
              <li key={`${round} ${comment.agent}`} className={classes.comment}>
                {comment.agrees ? (
                  <IconCircleCheck size={17} style={{ color: 'var(--green)' }} aria-hidden />
                ) : comment.agrees === null ? (
                  <IconHelpCircle size={17} style={{ color: 'var(--grey)' }} aria-hidden />
                ) : (
                  <IconMessage size={17} style={{ color: 'var(--amber)' }} aria-hidden />
                )}
                <div>
                  <div className={classes.plannedHead}>
                    <AgentName name={comment.agent} />
                    <span>
                      {comment.agrees === null
                        ? 'could not be heard'
                        : comment.agrees
                          ? 'agrees'
                          : 'wants it otherwise'}
                    </span>
                    <span className="dim">round {round}</span>
                  </div>
                  {comment.trouble && <p className="dim">{comment.trouble}</p>}
                  {comment.suggestions.length > 0 && (
                    <ul className={classes.suggestions}>
                      {comment.suggestions.map((suggestion) => (
                        <li key={suggestion}>{suggestion}</li>
                      ))}
                    </ul>
                  )}
                </div>
              </li>
            )),
        )}
      </ul>
    </Band>
  );
}
