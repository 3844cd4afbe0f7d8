/** What agents ask a person: what waits, one after the other, and what was answered. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Approval } from '../api/model';
import { approvalsQuery } from '../api/queries';
import { ApprovalCard } from '../parts/ApprovalCard';
import { Empty } from '../parts/Facts';
import { Band, Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { ApprovalPill } from '../parts/StatePill';
import { Ago } from '../parts/Time';
import classes from './pages.module.css';

export function Approvals() {
  const { data, error } = useQuery(approvalsQuery('all'));
  const pending = data?.approvals.filter(({ state }) => state === 'pending') ?? [];
  const over = data?.approvals.filter(({ state }) => state !== 'pending') ?? [];
  return (
    <div className={classes.page}>
      <Head title="Approvals" why="What agents may only do when you say yes." />
      {!data && (error ? <ProblemNote error={error} /> : <Waiting />)}
      {data && (
        <>
          <Band title="Waiting for you" note={pending.length || undefined}>
            {pending.length === 0 && <Empty>Nobody asks anything.</Empty>}
            <Inbox approvals={pending} />
          </Band>
          {over.length > 0 && (
            <Band title="Answered">
              <ul className={classes.rows} aria-label="Answered">
                {over.map((approval) => (
                  <Line key={approval.id} approval={approval} />
                ))}
              </ul>
            </Band>
          )}
        </>
      )}
    </div>
  );
}

/** Those that wait, the longest first; the keys answer the first that was not put off. */
export function Inbox({ approvals }: { approvals: Approval[] }) {
  const [later, setLater] = useState<readonly string[]>([]);
  const oldest = [...approvals].sort((a, b) => a.asked_at.localeCompare(b.asked_at));
  const put = (approval: Approval) => later.indexOf(approval.id);
  const sorted = oldest.sort((a, b) => put(a) - put(b));
  return sorted.map((approval, index) => (
    <ApprovalCard
      key={approval.id}
      approval={approval}
      current={index === 0}
      onLater={
        sorted.length > 1
          ? () => setLater((ids) => [...ids.filter((id) => id !== approval.id), approval.id])
          : undefined
      }
    />
  ));
}

function Line({ approval }: { approval: Approval }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      {open ? (
        <ApprovalCard approval={approval} />
      ) : (
        <button type="button" className={classes.unfold} onClick={() => setOpen(true)}>
          <ApprovalPill approval={approval} />
          <span className="mono clip">{approval.what}</span>
          <span className={classes.meta}>
            {approval.agent}
            <Ago at={approval.ended_at ?? approval.asked_at} />
          </span>
        </button>
      )}
    </li>
  );
}
