/** One event: what led to it, what came of it, and the event as it is stored. */
import { Drawer, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import type { JournalEntry, JournalEvent } from '../api/model';
import { entryQuery, type JournalFilter } from '../api/queries';
import { clockTime } from '../live/clock';
import { Copy } from '../parts/Copy';
import { Empty, Fact, Facts } from '../parts/Facts';
import { KindTag } from '../parts/KindTag';
import { ProblemNote } from '../parts/Problem';
import { Ago } from '../parts/Time';
import { many } from '../parts/words';
import classes from './journal.module.css';

interface Props {
  seq: number | null;
  onOpen: (seq: number | null) => void;
  onFilter: (filter: JournalFilter) => void;
}

export function EventDrawer({ seq, onOpen, onFilter }: Props) {
  return (
    <Drawer
      opened={seq !== null}
      onClose={() => onOpen(null)}
      position="right"
      size={520}
      title={`Event ${seq ?? ''}`}
      overlayProps={{ backgroundOpacity: 0.15 }}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {seq !== null && <Entry seq={seq} onOpen={onOpen} onFilter={onFilter} />}
    </Drawer>
  );
}

function Entry({ seq, onOpen, onFilter }: Props & { seq: number }) {
  const { data, error } = useQuery(entryQuery(seq));
  if (error) return <ProblemNote error={error} />;
  if (!data) return <Empty>Reading the event …</Empty>;
  const { event } = data;
  return (
    <div className={classes.entry}>
      <p className={classes.said}>{event.summary}</p>
      <Facts>
        <Fact name="Kind">
          <button
            type="button"
            className={classes.pick}
            onClick={() => onFilter({ kind: event.kind })}
          >
            <KindTag kind={event.kind} />
          </button>
        </Fact>
        <Fact name="When">
          <Ago at={event.at} />
        </Fact>
        <Fact name="By">{event.actor}</Fact>
        {event.subject && (
          <Fact name="Subject">
            <Copy label="subject" text={event.subject} />
          </Fact>
        )}
        <Fact name="Id">
          <Copy label="event id" text={event.id} />
        </Fact>
      </Facts>
      <Group gap="md">
        <Subject event={event} />
        {event.subject && (
          <button
            type="button"
            className={classes.pick}
            onClick={() => onFilter({ subject: event.subject })}
          >
            Only this subject
          </button>
        )}
      </Group>
      <section aria-label="Causes and effects">
        <h3 className={classes.small}>Why it happened, and what came of it</h3>
        <Chain entry={data} onOpen={onOpen} />
        <p className="dim">{many(data.chain_size, 'event')} in this chain.</p>
      </section>
      <section aria-label="Raw event">
        <h3 className={classes.small}>As stored</h3>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
        <pre className={classes.raw} tabIndex={0}>
          {JSON.stringify(event.body, null, 2)}
        </pre>
      </section>
    </div>
  );
}

function Subject({ event }: { event: JournalEvent }) {
  if (event.topic === 'unit') {
    return (
      <Link to={`/units/${encodeURIComponent(event.subject)}`} className={classes.pick}>
        Open the unit
      </Link>
    );
  }
  if (event.topic === 'run') {
    return (
      <Link to={`/runs/${encodeURIComponent(event.subject)}`} className={classes.pick}>
        Open the run
      </Link>
    );
  }
  return null;
}

/** Causes from the oldest inwards, then the event, then its direct effects below it. */
function Chain({ entry, onOpen }: { entry: JournalEntry; onOpen: (seq: number) => void }) {
  const path = [...entry.causes, entry.event];
  const branch = (depth: number) => {
    const event = path[depth];
    if (!event) return null;
    const here = depth === path.length - 1;
    return (
      <ul className={classes.chain}>
        <li>
          <Node event={event} here={here} onOpen={onOpen} />
          {here
            ? entry.effects.length > 0 && (
                <ul className={classes.chain}>
                  {entry.effects.map((effect) => (
                    <li key={effect.seq}>
                      <Node event={effect} here={false} onOpen={onOpen} />
                    </li>
                  ))}
                </ul>
              )
            : branch(depth + 1)}
        </li>
      </ul>
    );
  };
  return branch(0);
}

function Node({
  event,
  here,
  onOpen,
}: {
  event: JournalEvent;
  here: boolean;
  onOpen: (seq: number) => void;
}) {
  return (
    <button
      type="button"
      className={classes.node}
      aria-current={here || undefined}
      onClick={() => onOpen(event.seq)}
    >
      <KindTag kind={event.kind} />
      <span className="dim num">{clockTime(event.at)}</span>
      <span className={classes.nodeText}>{event.summary}</span>
    </button>
  );
}
