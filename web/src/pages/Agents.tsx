/** Who can work: found or not, held back or not, and how their calls went. */
import { ActionIcon, Tooltip } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { Agent } from '../api/model';
import { agentsQuery, useHoldAgent } from '../api/queries';
import { duration } from '../live/clock';
import { useGlow } from '../live/useGlow';
import { Empty } from '../parts/Facts';
import { Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { AgentPill } from '../parts/StatePill';
import { Ago, Countdown } from '../parts/Time';
import { cost, count, many } from '../parts/words';
import styles from './agents.module.css';
import classes from './pages.module.css';

export function Agents() {
  const { data, error } = useQuery(agentsQuery);
  return (
    <div className={classes.page}>
      <Head
        title="Agents"
        why="Who can be given work, and how their calls went in the last month."
      />
      {!data && (error ? <ProblemNote error={error} /> : <Waiting />)}
      {data && (
        <div className={classes.card}>
          <div className={`${styles.row} ${classes.columns} ${styles.titles}`} aria-hidden="true">
            <span>State</span>
            <span>Agent</span>
            <span>Calls</span>
            <span>Time, mean / 95 %</span>
            <span>Tokens</span>
            <span>Cost</span>
            <span />
          </div>
          {data.agents.length === 0 && <Empty>{data.hint ?? 'No agents are known here.'}</Empty>}
          <ul className={classes.rows} aria-label="Agents">
            {data.agents.map((agent) => (
              <Row key={agent.name} agent={agent} />
            ))}
          </ul>
          {data.hint && data.agents.length > 0 && (
            <p className={`${classes.why} ${styles.hint}`}>{data.hint}</p>
          )}
        </div>
      )}
    </div>
  );
}

function Row({ agent }: { agent: Agent }) {
  const { hold, stats } = agent;
  const glow = useGlow<HTMLLIElement>(`${hold?.since} ${stats?.calls}`);
  return (
    <li className={`${styles.row} ${styles.agent}`} ref={glow} data-agent={agent.name}>
      <span>
        <AgentPill agent={agent} />
      </span>
      <span className={styles.what}>
        <strong className={styles.name}>{agent.name}</strong>
        <span className={`${classes.cell} ${styles.sub}`}>
          {hold ? (
            <>
              {hold.why}
              {hold.until && (
                <>
                  {' '}
                  Goes on <Countdown at={hold.until} />.
                </>
              )}
            </>
          ) : (
            <>
              {agent.kind}
              {agent.program && (
                <>
                  <span aria-hidden="true"> · </span>
                  <span className="mono">{agent.program}</span>
                </>
              )}
              {agent.sandbox === 'off' && <span className={styles.errors}> · sandbox off</span>}
              {!agent.found && agent.why && ` · ${agent.why}`}
            </>
          )}
        </span>
      </span>
      <span className={`${classes.cell} num`} data-label="Calls">
        {stats ? (
          <>
            {stats.calls}
            {stats.errors > 0 && (
              <span className={styles.errors}>, {many(stats.errors, 'error')}</span>
            )}
            {stats.last_at && (
              <span className="dim">
                {' · '}
                <Ago at={stats.last_at} />
              </span>
            )}
          </>
        ) : (
          <span className="dim">none yet</span>
        )}
      </span>
      <span className={`${classes.cell} num`} data-label="Time">
        {stats ? (
          `${duration(stats.mean_ms)} / ${duration(stats.p95_ms)}`
        ) : (
          <span className="dim">–</span>
        )}
      </span>
      <span className={`${classes.cell} num`} data-label="Tokens">
        {stats ? count(stats.tokens) : <span className="dim">–</span>}
      </span>
      <span className={`${classes.cell} num`} data-label="Cost">
        {stats ? cost(stats) : <span className="dim">–</span>}
      </span>
      <span className={styles.actions}>{agent.found && <Held agent={agent} />}</span>
    </li>
  );
}

/** One that is held back gets no new work; what runs goes on. */
function Held({ agent }: { agent: Agent }) {
  const change = useHoldAgent();
  const held = Boolean(agent.hold);
  const Icon = held ? IconPlayerPlay : IconPlayerPause;
  const label = held ? 'Let it go on' : 'Hold back: no new work';
  return (
    <Tooltip label={label}>
      <ActionIcon
        className="thumb"
        variant="subtle"
        color="gray"
        size={32}
        aria-label={held ? `Let ${agent.name} go on` : `Hold ${agent.name} back`}
        loading={change.isPending}
        onClick={() => change.mutate({ agent: agent.name, hold: !held }, { onError: toastProblem })}
      >
        <Icon size={17} stroke={1.8} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
