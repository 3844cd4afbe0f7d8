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
import type { Priority, Task } from '../api/task';
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

interface Props {
  task: Task;
  onDrag: (task: Task | null) => void;
}

export const TaskCard = memo(function TaskCard({ task, onDrag }: Props) {
  const glow = useGlow<HTMLElement>(`${task.state} ${task.claim?.agent} ${task.tries}`);
  const agent = task.claim?.agent ?? task.agent ?? task.assigned;
  const hot = task.overlaps?.filter(({ level }) => level === 'hot') ?? [];
  const soft = (task.overlaps?.length ?? 0) - hot.length;
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
              label={hot.map(({ title, path }) => `${title ?? 'another task'}: ${path}`).join('\n')}
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
        {task.checks && task.checks.all > 0 && (
          <span className={classes.small} data-bad={task.checks.failed > 0}>
            <IconListCheck size={13} aria-hidden />
            <span className="hidden-text">checks passed </span>
            {task.checks.passed}/{task.checks.all}
          </span>
        )}
        {task.cost_usd != null && task.cost_usd > 0 && <span>{money(task.cost_usd)}</span>}
        <span className={classes.age}>
          {task.state === 'ready' && task.not_before ? (
            <>
              again <Countdown at={task.not_before} />
            </>
          ) : (
            <Ago at={task.last_progress_at ?? task.claim?.seen_at ?? task.updated_at} />
          )}
        </span>
      </div>
    </article>
  );
});
