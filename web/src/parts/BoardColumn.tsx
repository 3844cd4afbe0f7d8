/** One column: only what is seen is drawn, and older cards come as you scroll. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Run } from '../api/model';
import { type Overlap, priorities, type Task, type TaskFilter, tasksQuery } from '../api/task';
import { type Column, moveTo } from './board';
import classes from './board.module.css';
import { Empty } from './Facts';
import { ProblemNote } from './Problem';
import { TaskCard } from './TaskCard';

interface Props {
  column: Column;
  filter: TaskFilter;
  /** The newest runs, by id. */
  runs: Map<string, Run>;
  overlaps: Overlap[];
  dragged: Task | null;
  onDrag: (task: Task | null) => void;
  onDrop: (task: Task) => void;
}

export function BoardColumn({ column, filter, runs, overlaps, dragged, onDrag, onDrop }: Props) {
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    tasksQuery(column.states, filter, column.newest ?? false),
  );
  const scroll = useRef<HTMLElement>(null);
  const [over, setOver] = useState(false);
  const tasks = useMemo(() => {
    const all = data?.pages.flatMap((page) => page.tasks) ?? [];
    // What is next stands first; the order within a priority is the daemon's.
    return column.id === 'ready'
      ? all.toSorted((a, b) => priorities.indexOf(a.priority) - priorities.indexOf(b.priority))
      : all;
  }, [data, column.id]);
  const counts = data?.pages[0]?.counts;
  // Counts know nothing of agents.
  const total =
    counts && !filter.agent
      ? column.states.reduce((sum, state) => sum + (counts[state] ?? 0), 0)
      : undefined;
  const virtual = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 92,
    getItemKey: (index) => tasks[index]?.id ?? index,
    overscan: 6,
  });
  const items = virtual.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && lastSeen >= tasks.length - 10) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, lastSeen, tasks.length, fetchNextPage]);

  const move = dragged && moveTo(dragged, column.id);
  const target = !dragged || move === null ? 'none' : 'verb' in move ? 'yes' : 'no';
  return (
    <section
      className={classes.column}
      aria-label={column.word}
      data-column={column.id}
      data-target={target}
      data-over={over}
      onDragOver={(event) => {
        if (!dragged || move === null) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = 'move';
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (dragged) onDrop(dragged);
      }}
    >
      <h2 className={classes.columnHead}>
        {column.word}
        <span className="num">
          {total ?? tasks.length}
          {total === undefined && hasNextPage && '+'}
        </span>
      </h2>
      {error && !data && <ProblemNote error={error} />}
      <section
        className={classes.cards}
        ref={scroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard.
        tabIndex={0}
        aria-label={`${column.word}, cards`}
      >
        {data && tasks.length === 0 && <Empty>{column.empty}</Empty>}
        <ul style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map((item) => {
            const task = tasks[item.index];
            return (
              task && (
                <li
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  className={classes.slot}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <TaskCard
                    task={task}
                    run={runs.get(task.claim?.run ?? task.runs.at(-1) ?? '')}
                    overlaps={overlaps}
                    onDrag={onDrag}
                  />
                </li>
              )
            );
          })}
        </ul>
      </section>
    </section>
  );
}
