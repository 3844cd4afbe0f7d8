/** Goals that several agents reach together, newest first. */
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { type Session, sessionsQuery } from '../api/session';
import { useGlow } from '../live/useGlow';
import { AgentName } from '../parts/AgentName';
import { Empty } from '../parts/Facts';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { SessionPill } from '../parts/StatePill';
import { Ago } from '../parts/Time';
import { useRowKeys } from '../parts/useRowKeys';
import { firstLine, many } from '../parts/words';
import { NewSession } from './NewSession';
import classes from './pages.module.css';
import styles from './sessions.module.css';

export function Sessions() {
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(sessionsQuery);
  const [params, setParams] = useSearchParams();
  useRowKeys();
  const sessions = data?.pages.flatMap((page) => page.sessions);
  return (
    <div className={classes.page}>
      <Head
        title="Sessions"
        why="One goal, divided among several agents: planned, done, reviewed, merged."
      >
        <Button
          leftSection={<IconPlus size={16} aria-hidden />}
          onClick={() => setParams({ new: '' })}
        >
          New session
        </Button>
      </Head>
      {!sessions && (error ? <ProblemNote error={error} /> : <Waiting rows={5} />)}
      {sessions && (
        <div className={classes.card}>
          {sessions.length === 0 && (
            <Empty>No sessions yet. Give several agents one goal to reach together.</Empty>
          )}
          <ul className={classes.rows} aria-label="Sessions">
            {sessions.map((session) => (
              <Row key={session.id} session={session} />
            ))}
          </ul>
        </div>
      )}
      {hasNextPage && (
        <Button
          mt="md"
          variant="default"
          loading={isFetchingNextPage}
          onClick={() => fetchNextPage()}
        >
          Older sessions
        </Button>
      )}
      <NewSession opened={params.has('new')} onClose={() => setParams({}, { replace: true })} />
    </div>
  );
}

function Row({ session }: { session: Session }) {
  const glow = useGlow<HTMLLIElement>(session.state);
  return (
    <li className={styles.row} ref={glow} data-session={session.id}>
      <span>
        <SessionPill session={session} />
      </span>
      <span className={styles.what}>
        <span className="clip" style={{ display: 'block' }}>
          <Link to={`/sessions/${session.id}`} className={classes.open} data-row>
            {firstLine(session.goal)}
          </Link>
        </span>
        <span className={`${classes.cell} clip`} style={{ display: 'block' }}>
          {session.why}
        </span>
      </span>
      <span className={styles.agents}>
        {session.agents.map((agent) => (
          <AgentName key={agent} name={agent} faint />
        ))}
      </span>
      <span className={`${classes.cell} ${classes.wide} ${classes.end} num`}>
        {session.tasks_count > 0 ? (
          many(session.tasks_count, 'task')
        ) : (
          <span className="dim">no plan yet</span>
        )}
      </span>
      <span className={`${classes.cell} ${classes.end}`}>
        <Ago at={session.ended_at ?? session.updated_at} />
      </span>
    </li>
  );
}
