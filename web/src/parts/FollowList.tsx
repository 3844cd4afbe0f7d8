/** A long list that grows at its end: drawn in part, and it stays at the last line unless you scroll up. */
import { Button } from '@mantine/core';
import { IconArrowDown } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import classes from './parts.module.css';

interface Props {
  label: string;
  count: number;
  itemKey: (index: number) => string | number;
  estimate: number;
  /** Paused: nothing moves, even at the end. */
  still?: boolean;
  className?: string;
  children: (index: number) => ReactNode;
}

const NEAR_END_PX = 32;

export function FollowList({ label, count, itemKey, estimate, still, className, children }: Props) {
  const scroll = useRef<HTMLElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroll.current,
    estimateSize: () => estimate,
    getItemKey: itemKey,
    overscan: 12,
    anchorTo: 'end',
    followOnAppend: !still,
    scrollEndThreshold: NEAR_END_PX,
  });

  const some = count > 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the first lines move the view by force.
  useEffect(() => {
    if (some) virtual.scrollToEnd();
  }, [some]);

  return (
    <div className={classes.follow}>
      <section
        ref={scroll}
        className={`${classes.scroll} ${className ?? ''}`}
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard.
        tabIndex={0}
        onScroll={({ currentTarget: list }) =>
          setAtEnd(list.scrollHeight - list.scrollTop - list.clientHeight <= NEAR_END_PX)
        }
      >
        <div className={classes.rows} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className={classes.row}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              {children(item.index)}
            </div>
          ))}
        </div>
      </section>
      {!atEnd && some && (
        <Button
          className={classes.latest}
          size="xs"
          radius="xl"
          leftSection={<IconArrowDown size={14} aria-hidden />}
          onClick={() => virtual.scrollToEnd()}
        >
          Latest
        </Button>
      )}
    </div>
  );
}
