/** Tasks and what they wait for, from left to right. A list of the same stands beside it for the keyboard. */
import { Link } from 'react-router';
import type { TaskState } from '../api/task';
import { type Edge, layers, type Spot } from '../live/layers';
import { AgentName } from './AgentName';
import { Empty } from './Facts';
import classes from './graph.module.css';
import { TaskPill, taskFace, toneStyle } from './StatePill';

export interface GraphTask {
  id: string;
  title: string;
  /** Nothing before it is a task: a line of a plan. */
  state: TaskState | null;
  agent: string | null;
  depends: { task: string; kind: string; title?: string | null }[];
  to: string | null;
}

const NODE = { width: 196, height: 60 };
const GAP = { x: 56, y: 14 };
const EDGE = 14;

const left = (spot: Spot) => EDGE + spot.level * (NODE.width + GAP.x);
const top = (spot: Spot) => EDGE + spot.row * (NODE.height + GAP.y);

function curve({ from, to }: Edge): string {
  const x1 = left(from) + NODE.width;
  const y1 = top(from) + NODE.height / 2;
  const x2 = left(to) - 7;
  const y2 = top(to) + NODE.height / 2;
  const bend = Math.max(26, (x2 - x1) / 2);
  return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
}

interface Props {
  tasks: GraphTask[];
  label: string;
  /** The one whose page it is. */
  current?: string;
}

export function TaskGraph({ tasks, label, current }: Props) {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const { spots, edges, levels, rows } = layers(
    tasks.map((task) => ({
      name: task.id,
      after: Object.fromEntries(task.depends.map(({ task: on, kind }) => [on, kind])),
    })),
  );
  const width = 2 * EDGE + levels * NODE.width + Math.max(0, levels - 1) * GAP.x;
  const height = 2 * EDGE + rows * NODE.height + Math.max(0, rows - 1) * GAP.y;
  const colour = (id: string) => {
    const state = byId.get(id)?.state;
    return state ? toneStyle(taskFace(state).tone) : undefined;
  };
  if (tasks.length === 0) return <Empty>There are no tasks yet.</Empty>;
  return (
    <div className={classes.both}>
      {spots.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard.
        <section className={classes.scroll} aria-label={label} tabIndex={0}>
          <div className={classes.graph} style={{ width, height }} data-testid="task-graph">
            <svg width={width} height={height} aria-hidden="true" className={classes.lines}>
              <defs>
                <marker
                  id="task-tip"
                  viewBox="0 0 8 8"
                  refX="6"
                  refY="4"
                  markerWidth="6"
                  markerHeight="6"
                  orient="auto"
                >
                  <path d="M0,0.5 L7,4 L0,7.5 Z" className={classes.tip} />
                </marker>
              </defs>
              {edges.map((edge) => (
                <path
                  key={`${edge.from.name} ${edge.to.name}`}
                  className={classes.line}
                  data-kind={edge.condition}
                  data-done={byId.get(edge.from.name)?.state === 'verified'}
                  style={colour(edge.from.name)}
                  d={curve(edge)}
                  markerEnd="url(#task-tip)"
                />
              ))}
            </svg>
            {spots.map((spot) => {
              const task = byId.get(spot.name);
              return (
                task && (
                  <Node
                    key={spot.name}
                    task={task}
                    spot={spot}
                    current={spot.name === current}
                    waits={waitsFor(task, byId)}
                  />
                )
              );
            })}
          </div>
        </section>
      )}
      <List tasks={tasks} byId={byId} label={label} />
    </div>
  );
}

/** What it comes after, by title; the end of an id where even that is not known. */
const waitsFor = (task: GraphTask, byId: Map<string, GraphTask>) =>
  task.depends.map(({ task: on, title }) => byId.get(on)?.title ?? title ?? on.slice(-8));

interface NodeProps {
  task: GraphTask;
  spot: Spot;
  current: boolean;
  waits: string[];
}

function Node({ task, spot, current, waits }: NodeProps) {
  const face = task.state ? taskFace(task.state) : null;
  const Icon = face?.icon;
  return (
    <div
      className={classes.node}
      style={{
        left: left(spot),
        top: top(spot),
        width: NODE.width,
        height: NODE.height,
        ...(face ? toneStyle(face.tone) : {}),
      }}
      data-task={task.id}
      data-state={task.state}
      data-level={spot.level}
      data-current={current}
      title={waits.length > 0 ? `${task.title}\nafter ${waits.join(', ')}` : task.title}
    >
      {task.to && !current ? (
        // The list beside the picture is for the keyboard: it has the same links, once each.
        <Link to={task.to} className={classes.title} tabIndex={-1} aria-hidden="true">
          {task.title}
        </Link>
      ) : (
        <span className={classes.title} aria-hidden="true">
          {task.title}
        </span>
      )}
      <span className={classes.under} aria-hidden="true">
        {face && Icon && (
          <span className={classes.state}>
            <Icon size={13} stroke={2} /> {face.word}
          </span>
        )}
        {task.agent && <AgentName name={task.agent} faint />}
      </span>
    </div>
  );
}

function List({
  tasks,
  byId,
  label,
}: {
  tasks: GraphTask[];
  byId: Map<string, GraphTask>;
  label: string;
}) {
  return (
    <ul className={classes.list} aria-label={`${label}, as a list`}>
      {tasks.map((task) => {
        const waits = waitsFor(task, byId);
        return (
          <li key={task.id} className={classes.item} data-listed={task.id}>
            {task.state && <TaskPill task={{ state: task.state }} />}
            <span className={classes.itemText}>
              {task.to ? (
                <Link to={task.to} className={classes.itemLink} data-row>
                  {task.title}
                </Link>
              ) : (
                task.title
              )}
              {waits.length > 0 && <span className="dim"> after {waits.join(', ')}</span>}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
