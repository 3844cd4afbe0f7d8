/** What happened in a session, the newest last, each agent in its hue; sticks to the end unless scrolled up. */
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { type SessionDetail, sessionLogQuery } from '../api/session';
import { clockTime, exact } from '../live/clock';
import { AgentName } from './AgentName';
import { Empty } from './Facts';
import { FollowList } from './FollowList';
import { kindFace } from './KindTag';
import { ProblemNote } from './Problem';
import { toneStyle } from './StatePill';
import classes from './session.module.css';

const ALL = '*';

export function SessionLog({ session }: { session: SessionDetail }) {
  const { data: events, error } = useQuery(sessionLogQuery(session.id));
  const [who, setWho] = useState(ALL);
  const agentOf = new Map(session.runs.map((run) => [run.id, run.agent]));
  const speaker = (event: { actor: string; subject: string }) =>
    event.actor.startsWith('agent:')
      ? event.actor.slice('agent:'.length)
      : (agentOf.get(event.subject) ?? null);
  const shown = events?.filter((event) => who === ALL || speaker(event) === who) ?? [];
  return (
    <section aria-label="Log of the session">
      <SegmentedControl
        size="xs"
        mb={10}
        aria-label="Whose events"
        value={who}
        onChange={setWho}
        data={[
          { value: ALL, label: 'All' },
          ...session.agents.map((agent) => ({ value: agent, label: agent })),
        ]}
      />
      {error && <ProblemNote error={error} />}
      <div className={`card ${classes.log}`}>
        {shown.length === 0 && <Empty>Nothing happened yet.</Empty>}
        <FollowList
          label="Events"
          count={shown.length}
          itemKey={(index) => shown[index]?.seq ?? index}
          estimate={28}
        >
          {(index) => {
            const event = shown[index];
            if (!event) return null;
            const { tone, icon: Icon } = kindFace(event.kind);
            const agent = speaker(event);
            return (
              <div className={classes.event} style={toneStyle(tone)} data-kind={event.kind}>
                <time className="num dim" dateTime={event.at} title={exact(event.at)}>
                  {clockTime(event.at)}
                </time>
                <span className={classes.speaker}>
                  {agent ? <AgentName name={agent} /> : <span className="dim">Orkestra</span>}
                </span>
                <span className={classes.said}>
                  <Icon size={14} style={{ color: 'var(--tone)' }} aria-hidden />
                  <Link to={`/journal?event=${event.seq}`} className={classes.saidLink}>
                    {event.summary || event.kind}
                  </Link>
                </span>
              </div>
            );
          }}
        </FollowList>
      </div>
    </section>
  );
}
