/** Who works on a session: badge, latest action, and the share beside what it should be. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import type { Run } from '../api/model';
import { agentsQuery } from '../api/queries';
import type { SessionDetail, Share } from '../api/session';
import { useGlow } from '../live/useGlow';
import { AgentName } from './AgentName';
import { Band } from './Page';
import { type Tone, toneStyle } from './StatePill';
import classes from './session.module.css';
import { Ago } from './Time';
import { count, firstLine, many, money, runWords } from './words';

interface Badge {
  tone: Tone;
  word: string;
}

const working = new Set<Run['state']>(['preparing', 'starting', 'running', 'stopping']);

/** MISSION 1.8: idle grey, working blue, error red, recovering amber; paused and waiting as everywhere. */
export function badgeOf(run: Run | undefined): Badge {
  if (!run) return { tone: 'grey', word: 'Idle' };
  if (working.has(run.state)) {
    return (run.attempt ?? 1) > 1
      ? { tone: 'amber', word: 'Recovering' }
      : { tone: 'blue', word: 'Working' };
  }
  if (run.state === 'paused') return { tone: 'violet', word: 'Paused' };
  if (run.state === 'suspended') return { tone: 'amber', word: 'Waiting' };
  if (run.state === 'failed' || run.state === 'lost') return { tone: 'red', word: 'Error' };
  return { tone: 'grey', word: 'Idle' };
}

export function SessionAgents({ session }: { session: SessionDetail }) {
  const { data: known } = useQuery(agentsQuery);
  const names = [...new Set([...session.agents, ...session.shares.map(({ agent }) => agent)])];
  const { roles } = session;
  const rolesOf = (agent: string) =>
    [
      roles.architect === agent && 'architect',
      roles.implementer === agent && 'implementer',
      roles.reviewer === agent && 'reviewer',
    ].filter((role): role is string => role !== false);
  const breaches = session.shares.filter((share) => !share.fits).length;
  return (
    <Band
      title="Agents"
      note={
        breaches > 0
          ? `${many(breaches, 'share')} out of range`
          : session.shares_of === 'tokens'
            ? 'shares of all tokens'
            : 'shares of all tasks'
      }
    >
      <ul className={classes.agents} aria-label="Agents">
        {names.map((agent) => (
          <AgentCard
            key={agent}
            agent={agent}
            roles={rolesOf(agent)}
            runs={session.runs.filter((run) => run.agent === agent)}
            share={session.shares.find((share) => share.agent === agent)}
            missing={roles.missing.find((absent) => absent.agent === agent)?.why}
            held={known?.agents.find(({ name }) => name === agent)?.hold?.why}
          />
        ))}
      </ul>
    </Band>
  );
}

interface CardProps {
  agent: string;
  roles: string[];
  runs: Run[];
  share: Share | undefined;
  missing: string | undefined;
  held: string | undefined;
}

function AgentCard({ agent, roles, runs, share, missing, held }: CardProps) {
  const last = runs.findLast((run) => working.has(run.state)) ?? runs.at(-1);
  const badge: Badge = missing
    ? { tone: 'grey', word: 'Not there' }
    : held
      ? { tone: 'violet', word: 'Held back' }
      : badgeOf(last);
  const glow = useGlow<HTMLLIElement>(`${badge.word} ${last?.id}`);
  return (
    <li className={classes.agent} ref={glow} data-agent={agent} data-badge={badge.word}>
      <div className={classes.agentHead}>
        <strong>
          <AgentName name={agent} />
        </strong>
        <span className={classes.badge} style={toneStyle(badge.tone)} data-testid="badge">
          <span className={classes.dot} aria-hidden="true" />
          {badge.word}
        </span>
      </div>
      {roles.length > 0 && <div className={`${classes.small} dim`}>{roles.join(', ')}</div>}
      <div className={classes.action}>
        {missing ??
          held ??
          (last ? (
            <span>
              <Link to={`/runs/${last.id}`} className={classes.actionLink}>
                {firstLine(runWords(last))}
              </Link>{' '}
              <span className="dim">
                <Ago at={last.ended_at ?? last.last_event_at ?? last.created_at} />
              </span>
            </span>
          ) : (
            <span className="dim">Has not begun anything yet.</span>
          ))}
      </div>
      {share && <ShareBar share={share} />}
    </li>
  );
}

/** The share as a bar, and the range in which it should lie. */
function ShareBar({ share }: { share: Share }) {
  const range = `${Math.round(share.low)}–${Math.round(share.high)} %`;
  return (
    <div className={classes.share} data-fits={share.fits}>
      <div
        className={classes.bar}
        role="img"
        aria-label={`${share.agent} did ${share.percent} %, ${range} are wanted${share.fits ? '' : ': out of range'}`}
      >
        <span
          className={classes.range}
          style={{ left: `${share.low}%`, width: `${Math.max(0, share.high - share.low)}%` }}
        />
        <span className={classes.part} style={{ width: `${Math.min(100, share.percent)}%` }} />
      </div>
      <div className={`${classes.small} num`}>
        <span>
          {share.percent.toFixed(share.percent % 1 === 0 ? 0 : 1)} %
          <span className="dim"> of {range}</span>
        </span>
        <span className="dim">
          {many(share.tasks, 'task')}, {count(share.tokens)} tokens, {money(share.cost_usd)}
        </span>
        {!share.fits && <span className={classes.breach}>out of range</span>}
      </div>
    </div>
  );
}
