/** What agents were asked to do, newest first. */
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import type { Run } from '../api/model';
import { runsQuery } from '../api/queries';
import { useGlow } from '../live/useGlow';
import { Empty } from '../parts/Facts';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { RunPill } from '../parts/StatePill';
import { Ago } from '../parts/Time';
import { useRowKeys } from '../parts/useRowKeys';
import { firstLine, many, money, runWords } from '../parts/words';
import { NewRun } from './NewRun';
import classes from './pages.module.css';

export function Runs() {
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(runsQuery);
  const [params, setParams] = useSearchParams();
  useRowKeys();
  const runs = data?.pages.flatMap((page) => page.runs);
  return (
    <div className={classes.page}>
      <Head title="Runs" why="One attempt at a piece of work, by one agent, in its own worktree.">
        <Button
          leftSection={<IconPlus size={16} aria-hidden />}
          onClick={() => setParams({ new: '' })}
        >
          New run
        </Button>
      </Head>
      {!runs && (error ? <ProblemNote error={error} /> : <Waiting rows={6} />)}
      {runs && (
        <div className={classes.card}>
          {runs.length === 0 && <Empty>No runs yet. Give an agent something to do.</Empty>}
          <ul className={classes.rows} aria-label="Runs">
            {runs.map((run) => (
              <Row key={run.id} run={run} />
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
          Older runs
        </Button>
      )}
      <NewRun opened={params.has('new')} onClose={() => setParams({}, { replace: true })} />
    </div>
  );
}

function Row({ run }: { run: Run }) {
  const glow = useGlow<HTMLLIElement>(run.state);
  return (
    <li className={classes.runRow} ref={glow}>
      <span>
        <RunPill run={run} />
      </span>
      <span className={classes.promptCell} style={{ minWidth: 0 }}>
        <span className="clip" style={{ display: 'block' }}>
          <Link to={`/runs/${run.id}`} className={classes.open} data-row>
            {firstLine(run.prompt)}
          </Link>
        </span>
        <span className={`${classes.cell} clip`} style={{ display: 'block' }}>
          {runWords(run)}
        </span>
      </span>
      <span className={`${classes.wide} ${classes.cell} clip`}>{run.agent}</span>
      <span className={`${classes.wide} ${classes.cell} ${classes.end} num`}>
        {many(run.events, 'event')}
      </span>
      <span className={`${classes.wide} ${classes.cell} ${classes.end} num`}>
        {run.usage?.cost_usd != null ? money(run.usage.cost_usd) : <span className="dim">–</span>}
      </span>
      <span className={`${classes.cell} ${classes.end}`}>
        <Ago at={run.ended_at ?? run.last_event_at ?? run.created_at} />
      </span>
    </li>
  );
}
