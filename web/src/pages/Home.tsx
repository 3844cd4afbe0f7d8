/** Needs you, Running, Idle. Quiet when all is well. */
import { Button } from '@mantine/core';
import {
  IconAlertTriangle,
  IconBellRinging,
  IconCircleX,
  IconEyeCheck,
  IconGavel,
  IconGitMerge,
  IconLock,
  IconRefresh,
  IconSettings,
  IconUserQuestion,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { askedMergesQuery, useMergeVerb } from '../api/merge';
import type { NeedsYou, Run, Unit } from '../api/model';
import { approvalsQuery, statusQuery, useReloadConfig, useUnitVerb } from '../api/queries';
import { askedReviewsQuery, useAnswerReview } from '../api/review';
import { useSessionVerb } from '../api/session';
import { useGlow } from '../live/useGlow';
import { Empty } from '../parts/Facts';
import { Band, Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { RunPill, type Tone, toneStyle, UnitPill } from '../parts/StatePill';
import { Ago, Countdown, Since } from '../parts/Time';
import { UnitActions } from '../parts/UnitActions';
import { useRowKeys } from '../parts/useRowKeys';
import { firstLine, money, runWords } from '../parts/words';
import { Settle } from './Alerts';
import { Inbox } from './Approvals';
import classes from './pages.module.css';

const active = new Set<Run['state']>([
  'preparing',
  'starting',
  'running',
  'paused',
  'suspended',
  'stopping',
]);
const moving = new Set<Unit['state']>(['starting', 'stopping', 'backing_off']);

/** Idle is a glance; the page of runs has them all. */
const RECENT_RUNS = 4;

const unitLink = (name: string) => `/units/${encodeURIComponent(name)}`;

export function Home() {
  const { data, error } = useQuery(statusQuery);
  const { data: approvals } = useQuery(approvalsQuery('pending'));
  const { data: reviews } = useQuery(askedReviewsQuery);
  const { data: merges } = useQuery(askedMergesQuery);
  useRowKeys();
  if (!data) {
    return (
      <div className={classes.page}>
        <Head title="Home" />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  const { units, runs } = data;
  const work = [...(reviews ?? []), ...(merges ?? [])].filter(
    (need) => !data.needs_you.some(({ subject }) => subject === need.subject),
  );
  // Questions are answered here, so they are shown whole.
  const asked = approvals?.approvals ?? [];
  const needs = [...data.needs_you.filter((need) => need.kind !== 'approval'), ...work];
  const activeRuns = runs.filter((run) => active.has(run.state));
  // What already needs you is not also idle.
  const shownAbove = new Set(needs.map((need) => need.subject));
  const restRuns = runs.filter((run) => !active.has(run.state) && !shownAbove.has(run.id));
  const movingUnits = units.filter((unit) => moving.has(unit.state));
  const steady = units.filter((unit) => unit.state === 'running');
  const idle = units.filter(
    (unit) => (unit.state === 'stopped' || unit.state === 'failed') && !shownAbove.has(unit.name),
  );
  const nothingRuns = activeRuns.length + movingUnits.length + steady.length === 0;

  return (
    <div className={classes.page}>
      <h1 className="hidden-text">Home</h1>
      <Band title="Needs you" note={needs.length + asked.length || undefined}>
        {needs.length + asked.length === 0 && <Empty>Nothing needs you. Enjoy the quiet.</Empty>}
        <Inbox approvals={asked} />
        {needs.map((need) => (
          <Need
            key={`${need.kind} ${need.subject} ${need.since}`}
            need={need}
            run={runs.find((run) => run.id === need.subject)}
          />
        ))}
      </Band>

      <Band
        title="Running"
        note={activeRuns.length + movingUnits.length + steady.length || undefined}
      >
        {nothingRuns && (
          <Empty>Nothing runs right now. Start a unit, or give an agent something to do.</Empty>
        )}
        {activeRuns.map((run) => (
          <RunLine key={run.id} run={run} />
        ))}
        {movingUnits.map((unit) => (
          <UnitLine key={unit.name} unit={unit} />
        ))}
        {steady.length > 0 && (
          <ul className={classes.chips} aria-label="Units that run">
            {steady.map((unit) => (
              <Chip key={unit.name} unit={unit} />
            ))}
          </ul>
        )}
      </Band>

      <Band title="Idle" note={idle.length || undefined}>
        {idle.length + restRuns.length === 0 && (
          <Empty>Nothing is idle. Everything you have is at work.</Empty>
        )}
        {idle.length > 0 && (
          <ul className={classes.chips} aria-label="Units that do not run">
            {idle.map((unit) => (
              <Chip key={unit.name} unit={unit} />
            ))}
          </ul>
        )}
        {restRuns.slice(0, RECENT_RUNS).map((run) => (
          <RunLine key={run.id} run={run} />
        ))}
        {restRuns.length > RECENT_RUNS && (
          <Link to="/runs" className={`${classes.line} ${classes.more}`} data-row>
            All runs
          </Link>
        )}
      </Band>
    </div>
  );
}

const needFaces: Record<string, { tone: Tone; icon: typeof IconLock; word: string }> = {
  unit_failed: { tone: 'red', icon: IconCircleX, word: 'Unit failed' },
  run_failed: { tone: 'red', icon: IconCircleX, word: 'Run failed' },
  run_refuted: { tone: 'red', icon: IconCircleX, word: 'Work refuted' },
  run_asks: { tone: 'amber', icon: IconAlertTriangle, word: 'A run asks' },
  config_refused: { tone: 'amber', icon: IconSettings, word: 'Configuration refused' },
  store: { tone: 'red', icon: IconAlertTriangle, word: 'Store' },
  alert: { tone: 'amber', icon: IconBellRinging, word: 'Alert' },
  session: { tone: 'amber', icon: IconUserQuestion, word: 'A session asks' },
  review: { tone: 'amber', icon: IconEyeCheck, word: 'A review asks' },
  vote: { tone: 'amber', icon: IconGavel, word: 'A vote asks' },
  merge: { tone: 'amber', icon: IconGitMerge, word: 'A merge asks' },
  task: { tone: 'red', icon: IconCircleX, word: 'A task asks' },
  audit: { tone: 'red', icon: IconLock, word: 'Journal' },
};

const workPages: Record<string, string> = {
  session: '/sessions',
  review: '/reviews',
  vote: '/votes',
  task: '/tasks',
};

function needLink(need: NeedsYou): string {
  if (need.kind === 'unit_failed') return unitLink(need.subject);
  if (need.kind.startsWith('run_')) return `/runs/${encodeURIComponent(need.subject)}`;
  if (need.kind === 'alert') return '/upkeep';
  const page = workPages[need.kind];
  if (page) return `${page}/${encodeURIComponent(need.subject)}`;
  if (need.kind === 'merge') return '/decisions?tab=merges';
  return '/journal';
}

/** Whose trouble it is; what is wrong with it stands below. */
function needName(need: NeedsYou, run: Run | undefined): string | null {
  if (need.kind === 'unit_failed') return need.subject;
  return run ? firstLine(run.prompt) : null;
}

function Need({ need, run }: { need: NeedsYou; run: Run | undefined }) {
  const face = needFaces[need.kind] ?? { tone: 'amber', icon: IconAlertTriangle, word: need.kind };
  const Icon = face.icon;
  const name = needName(need, run);
  const verb = useUnitVerb();
  const reload = useReloadConfig();
  return (
    <div
      className={`${classes.line} ${classes.needLine}`}
      style={toneStyle(face.tone)}
      data-need={need.kind}
    >
      <Icon
        size={18}
        style={{ color: 'var(--tone)', flex: 'none' }}
        role="img"
        aria-label={face.word}
      />
      <div className={classes.grow}>
        <Link to={needLink(need)} className={classes.open} data-row>
          {name ?? need.title}
        </Link>
        <div className="dim">{name ? need.title : <span className="mono">{need.action}</span>}</div>
      </div>
      <div className={classes.meta}>
        {run && <span>{run.agent}</span>}
        <Ago at={need.since} />
      </div>
      {need.kind === 'unit_failed' && (
        <Button
          className={classes.above}
          size="xs"
          variant="default"
          leftSection={<IconRefresh size={14} aria-hidden />}
          loading={verb.isPending}
          onClick={() =>
            verb.mutate({ unit: need.subject, verb: 'start' }, { onError: toastProblem })
          }
        >
          Start again
        </Button>
      )}
      <WorkKeys need={need} />
      {need.kind === 'alert' && (
        <span className={classes.above}>
          <Settle id={need.subject} />
        </span>
      )}
      {need.kind === 'config_refused' && (
        <Button
          className={classes.above}
          size="xs"
          variant="default"
          loading={reload.isPending}
          onClick={() => reload.mutate(undefined, { onError: toastProblem })}
        >
          Load again
        </Button>
      )}
    </div>
  );
}

/** What settles a question of a session, a review or a merge; a vote is settled on its page. */
function WorkKeys({ need }: { need: NeedsYou }) {
  const session = useSessionVerb();
  const review = useAnswerReview();
  const merge = useMergeVerb();
  const button = (word: string, busy: boolean, press: () => void) => (
    <Button
      key={word}
      className={classes.above}
      size="xs"
      variant="default"
      loading={busy}
      onClick={press}
    >
      {word}
    </Button>
  );
  const { subject: id } = need;
  const onError = toastProblem;
  switch (need.kind) {
    case 'session':
      return button('Approve', session.isPending, () =>
        session.mutate({ id, verb: 'approve' }, { onError }),
      );
    case 'review':
      return (
        <>
          {button('Take it', review.isPending, () =>
            review.mutate({ id, answer: 'approve' }, { onError }),
          )}
          {button('Send it back', review.isPending, () =>
            review.mutate({ id, answer: 'concern' }, { onError }),
          )}
        </>
      );
    case 'merge':
      return button('Try again', merge.isPending, () =>
        merge.mutate({ id, verb: 'retry' }, { onError }),
      );
    default:
      return null;
  }
}

function UnitLine({ unit }: { unit: Unit }) {
  const glow = useGlow<HTMLDivElement>(`${unit.state} ${unit.health} ${unit.instance}`);
  return (
    <div className={classes.line} ref={glow}>
      <span className={classes.state}>
        <UnitPill unit={unit} />
      </span>
      <div className={classes.grow}>
        <Link to={unitLink(unit.name)} className={classes.open} data-row>
          {unit.name}
        </Link>
        <div className="dim clip">{unit.why}</div>
      </div>
      <div className={classes.meta}>
        {unit.state === 'backing_off' && unit.next_start_at ? (
          <span className="num" style={{ color: 'var(--amber)' }}>
            starts <Countdown at={unit.next_start_at} />
          </span>
        ) : (
          <Since at={unit.since} />
        )}
      </div>
      <div className={classes.above}>
        <UnitActions unit={unit} compact />
      </div>
    </div>
  );
}

function Chip({ unit }: { unit: Unit }) {
  const glow = useGlow<HTMLLIElement>(`${unit.state} ${unit.health} ${unit.instance}`);
  return (
    <li className={classes.chip} ref={glow} title={unit.why}>
      <UnitPill unit={unit} />
      <Link to={unitLink(unit.name)} className={classes.open} data-row>
        {unit.name}
      </Link>
      <span className={classes.meta}>
        <Since at={unit.state === 'running' ? (unit.started_at ?? unit.since) : unit.since} />
      </span>
    </li>
  );
}

function RunLine({ run }: { run: Run }) {
  const glow = useGlow<HTMLDivElement>(run.state);
  return (
    <div className={classes.line} ref={glow}>
      <span className={classes.state}>
        <RunPill run={run} />
      </span>
      <div className={classes.grow}>
        <div className="clip">
          <Link to={`/runs/${run.id}`} className={classes.open} data-row>
            {firstLine(run.prompt)}
          </Link>
        </div>
        <div className="dim clip">{runWords(run)}</div>
      </div>
      <div className={classes.meta}>
        <span>{run.agent}</span>
        {run.usage?.cost_usd != null && <span className="num">{money(run.usage.cost_usd)}</span>}
        <Ago at={run.ended_at ?? run.last_event_at ?? run.created_at} />
      </div>
    </div>
  );
}
