/** The events of one thing, newest first: what happened, when, and where it stands in the journal. */
import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { type JournalFilter, journalQuery } from '../api/queries';
import { duration } from '../live/clock';
import { Empty } from './Facts';
import { kindFace } from './KindTag';
import { ProblemNote } from './Problem';
import { toneStyle } from './StatePill';
import { Ago } from './Time';
import classes from './timeline.module.css';

export function Timeline({
  filter,
  hide,
}: {
  filter: JournalFilter;
  hide?: (kind: string) => boolean;
}) {
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    journalQuery(filter),
  );
  if (error) return <ProblemNote error={error} />;
  if (!data) return <Empty>Reading the journal …</Empty>;
  const events = data.pages.flatMap((page) => page.events).filter((event) => !hide?.(event.kind));
  if (events.length === 0) return <Empty>The journal has nothing about this yet.</Empty>;
  return (
    <div className={classes.timeline}>
      <ol>
        {events.map((event, i) => {
          const { tone, icon: Icon } = kindFace(event.kind);
          const before = events[i + 1];
          const gap = before ? Date.parse(event.at) - Date.parse(before.at) : 0;
          return (
            <li key={event.seq} className={classes.event} style={toneStyle(tone)}>
              <span className={classes.mark}>
                <Icon size={14} aria-hidden />
              </span>
              <div className={classes.what}>
                <Link to={`/journal?event=${event.seq}`} className={classes.summary}>
                  {event.summary || event.kind}
                </Link>
                <div className={`${classes.meta} num`}>
                  <Ago at={event.at} />
                  <span className="mono">{event.kind}</span>
                  {gap >= 1000 && <span>{duration(gap)} later</span>}
                </div>
              </div>
            </li>
          );
        })}
      </ol>
      {hasNextPage && (
        <Button
          variant="default"
          size="xs"
          loading={isFetchingNextPage}
          onClick={() => fetchNextPage()}
        >
          Older
        </Button>
      )}
    </div>
  );
}
