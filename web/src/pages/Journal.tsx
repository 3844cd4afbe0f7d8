/** Everything that happened, live: filtered by chips, with the chain of causes behind each line. */
import { Button, Skeleton } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { JournalEvent } from '../api/model';
import { type JournalFilter, journalQuery } from '../api/queries';
import { clockTime, exact } from '../live/clock';
import { Empty } from '../parts/Facts';
import { KindTag } from '../parts/KindTag';
import { Head } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { keysAreTaken } from '../parts/useRowKeys';
import { many } from '../parts/words';
import { AuditBadge } from './AuditBadge';
import { EventDrawer } from './EventDrawer';
import { JournalFilters } from './JournalFilters';
import classes from './journal.module.css';
import pageClasses from './pages.module.css';

const filterNames = ['kind', 'topic', 'subject'] as const;

export function Journal() {
  const [params, setParams] = useSearchParams();
  const filter: JournalFilter = {};
  for (const name of filterNames) {
    const value = params.get(name);
    if (value) filter[name] = value;
  }
  const opened = params.get('event');

  const change = (values: Record<string, string | null>) => {
    const next = new URLSearchParams(params);
    for (const [name, value] of Object.entries(values)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    setParams(next, { replace: true });
  };

  return (
    <div className={`${pageClasses.page} ${pageClasses.fill}`}>
      <Head title="Journal">
        <AuditBadge />
      </Head>
      <JournalFilters filter={filter} onChange={(values) => change(values)} />
      <Table
        key={JSON.stringify(filter)}
        filter={filter}
        opened={opened ? Number(opened) : null}
        onOpen={(seq) => change({ event: String(seq) })}
      />
      <EventDrawer
        seq={opened ? Number(opened) : null}
        onOpen={(seq) => change({ event: seq === null ? null : String(seq) })}
        onFilter={(values) => change({ ...values, event: null })}
      />
    </div>
  );
}

interface TableProps {
  filter: JournalFilter;
  opened: number | null;
  onOpen: (seq: number) => void;
}

const ROW_PX = 38;
/** Two lines on a phone; the style sheet has the same number. */
const PHONE_ROW_PX = 56;
const LOAD_AHEAD = 25;

function Table({ filter, opened, onOpen }: TableProps) {
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    journalQuery(filter),
  );
  const events = data?.pages.flatMap((page) => page.events) ?? [];
  const scroll = useRef<HTMLDivElement>(null);
  const [atTop, setAtTop] = useState(true);
  const [active, setActive] = useState<number | null>(null);
  const firstSeen = useRef<number | null>(null);
  firstSeen.current ??= events[0]?.seq ?? null;

  const phone = useMediaQuery('(max-width: 760px)', false, { getInitialValueInEffect: false });
  const rowPx = phone ? PHONE_ROW_PX : ROW_PX;

  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowPx,
    getItemKey: (index) => events[index]?.seq ?? index,
    overscan: 14,
    // While you read further down, new events at the top must not push the lines away.
    anchorTo: atTop ? 'start' : 'end',
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a turned phone has other rows.
  useEffect(() => virtual.measure(), [rowPx]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;

  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= events.length - LOAD_AHEAD)
      void fetchNextPage();
  }, [last, events.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const step = event.key === 'j' ? 1 : event.key === 'k' ? -1 : 0;
      if (step === 0 || events.length === 0 || keysAreTaken(event)) return;
      const at = events.findIndex((each) => each.seq === active);
      const to = Math.min(events.length - 1, Math.max(0, at < 0 ? 0 : at + step));
      const target = events[to];
      if (!target) return;
      setActive(target.seq);
      virtual.scrollToIndex(to, { align: 'auto' });
      requestAnimationFrame(() =>
        scroll.current?.querySelector<HTMLElement>(`[data-seq="${target.seq}"]`)?.focus(),
      );
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [events, active, virtual]);

  if (error && !data) return <ProblemNote error={error} />;
  return (
    <div className={classes.table}>
      <div className={`${classes.row} ${classes.head}`} aria-hidden="true">
        <span>Time</span>
        <span>Kind</span>
        <span>Subject</span>
        <span>What happened</span>
        <span className={classes.number}>No.</span>
      </div>
      {!data && <Loading />}
      {data && events.length === 0 && (
        <Empty>
          Nothing in the journal fits. Take a filter away, or wait: new events appear by themselves.
        </Empty>
      )}
      <div
        ref={scroll}
        className={classes.scroll}
        onScroll={(event) => setAtTop(event.currentTarget.scrollTop < 4)}
      >
        <ul
          aria-label={`Events, ${many(events.length, 'loaded', 'loaded')}`}
          style={{ height: virtual.getTotalSize(), position: 'relative' }}
        >
          {items.map((item) => {
            const event = events[item.index];
            if (!event) return null;
            return (
              <li
                key={item.key}
                className={classes.slot}
                style={{ height: item.size, transform: `translateY(${item.start}px)` }}
              >
                <Row
                  event={event}
                  fresh={firstSeen.current !== null && event.seq > firstSeen.current}
                  opened={event.seq === opened}
                  onOpen={onOpen}
                />
              </li>
            );
          })}
        </ul>
      </div>
      {!atTop && (
        <Button
          className={classes.newest}
          size="xs"
          radius="xl"
          onClick={() => virtual.scrollToOffset(0)}
        >
          Newest
        </Button>
      )}
    </div>
  );
}

interface RowProps {
  event: JournalEvent;
  fresh: boolean;
  opened: boolean;
  onOpen: (seq: number) => void;
}

function Row({ event, fresh, opened, onOpen }: RowProps) {
  return (
    <button
      type="button"
      className={`${classes.row} ${fresh ? 'glow' : ''}`}
      data-row
      data-seq={event.seq}
      data-kind={event.kind}
      aria-current={opened || undefined}
      onClick={() => onOpen(event.seq)}
    >
      <time className="num dim" dateTime={event.at} title={exact(event.at)}>
        {clockTime(event.at)}
      </time>
      <KindTag kind={event.kind} />
      <span className={`${classes.subject} clip`}>{short(event.subject)}</span>
      <span className={`${classes.summary} clip`}>{event.summary}</span>
      <span className={`${classes.number} num dim`}>{event.seq}</span>
    </button>
  );
}

/** Long ids are cut to what tells them apart at a glance; the drawer has them whole. */
const short = (subject: string) =>
  /^[0-9a-f-]{32,}$/.test(subject) ? `…${subject.slice(-8)}` : subject;

function Loading() {
  return (
    <div role="status" aria-label="Loading" aria-busy="true">
      {['52%', '38%', '61%', '44%', '30%', '56%'].map((width) => (
        <div key={width} className={classes.row}>
          <Skeleton height={10} />
          <Skeleton height={10} />
          <Skeleton height={10} />
          <Skeleton height={10} width={width} />
          <span />
        </div>
      ))}
    </div>
  );
}
