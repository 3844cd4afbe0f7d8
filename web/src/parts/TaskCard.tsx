/** A task as a card of the board: who, how much, how long nothing was heard, and what is in the way. */
import { Tooltip } from '@mantine/core';
import {
  IconChevronDown,
  IconChevronsUp,
  IconChevronUp,
  IconFlame,
  IconListCheck,
  IconSkull,
} from '@tabler/icons-react';
import { memo } from 'react';
import { Link } from 'react-router';
import type { Run } from '../api/model';
import { meetings, type Overlap, type Priority, type Task } from '../api/task';
import { useGlow } from '../live/useGlow';
import { AgentName } from './AgentName';
import classes from './board.module.css';
import { TaskPill, type Tone } from './StatePill';
import { TaskMenu } from './TaskMenu';
import { Ago, Countdown } from './Time';
import { money } from './words';

const marks: Record<Priority, { icon: typeof IconChevronUp; tone: Tone } | null> = {
  critical: { icon: IconChevronsUp, tone: 'red' },
  high: { icon: IconChevronUp, tone: 'amber' },
  medium: null,
  low: { icon: IconChevronDown, tone: 'grey' },
};

/** States that a column does not say by itself. */
const ownWord = new Set<Task['state']>(['waiting', 'blocked', 'claimed', 'failed', 'cancelled']);

/** When something was last heard of it. */
function progress(task: Task, run: Run | undefined): string {
  const heard = task.claim ? [run?.last_event_at, task.claim.seen_at] : [];
  return heard.reduce<string>((newest, at) => (at && at > newest ? at : newest), task.updated_at);
}

interface Props {
  task: Task;
  /** Its present run, or the last one. */
  run: Run | undefined;
  overlaps: Overlap[];
  onDrag: (task: Task | null) => void;
}

export const TaskCard = memo(function TaskCard({ task, run, overlaps, onDrag }: Props) {
  const glow = useGlow<HTMLElement>(`${task.state} ${task.claim?.agent} ${task.tries}`);
  const agent = task.agent ?? run?.agent;
  const meets = meetings(overlaps, task.id);
  const hot = meets.filter(({ level }) => level === 'hot');
  const soft = meets.length - hot.length;
  const costs = run?.usage?.cost_usd;
  const mark = marks[task.priority];
  return (
    <article
      className={classes.card}
      ref={glow}
      draggable
      data-task={task.id}
      data-state={task.state}
      aria-label={task.title}
      onDragStart={(event) => {
        event.dataTransfer.setData('text/plain', task.id);
        event.dataTransfer.effectAllowed = 'move';
        onDrag(task);
      }}
      onDragEnd={() => onDrag(null)}
    >
      <div className={classes.cardHead}>
        {mark && (
          <mark.icon
            size={16}
            stroke={2.4}
            style={{ color: `var(--${mark.tone})`, flex: 'none' }}
            role="img"
            aria-label={`${task.priority} priority`}
          />
        )}
        <Link to={`/tasks/${task.id}`} className={classes.cardTitle} draggable={false} data-row>
          {task.title}
        </Link>
        <span className={classes.menu}>
          <TaskMenu task={task} size={26} />
        </span>
      </div>
      {(ownWord.has(task.state) || task.poison || hot.length > 0 || soft > 0) && (
        <div className={classes.badges}>
          {ownWord.has(task.state) && <TaskPill task={task} />}
          {task.poison && (
            <span className={classes.badge} data-tone="red">
              <IconSkull size={13} aria-hidden /> set aside
            </span>
          )}
          {hot.length > 0 && (
            <Tooltip
              multiline
              maw={340}
              label={hot.map((meet) => `${meet.agent}: ${meet.paths.join(', ')}`).join('; ')}
            >
              <span className={classes.badge} data-tone="red" data-testid="hot">
                <IconFlame size={13} aria-hidden /> same lines
              </span>
            </Tooltip>
          )}
          {hot.length === 0 && soft > 0 && (
            <span className={classes.badge} data-tone="amber" data-testid="soft">
              <IconFlame size={13} aria-hidden /> same file
            </span>
          )}
        </div>
      )}
      <div className={`${classes.cardFoot} num`}>
        {agent ? <AgentName name={agent} faint /> : <span>nobody yet</span>}
        {run?.checks && run.checks.all > 0 && (
          <span className={classes.small} data-bad={run.checks.failed > 0}>
            <IconListCheck size={13} aria-hidden />
            <span className="hidden-text">checks passed </span>
            {run.checks.passed}/{run.checks.all}
          </span>
        )}
        {costs != null && costs > 0 && <span>{money(costs)}</span>}
        <span className={classes.age}>
          {task.state === 'ready' && task.not_before ? (
            <>
              again <Countdown at={task.not_before} />
            </>
          ) : (
            <Ago at={progress(task, run)} />
          )}
        </span>
      </div>
    </article>
  );
});
