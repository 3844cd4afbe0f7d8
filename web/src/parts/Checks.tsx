/** What its probes ask, and what was answered. */
import { Tooltip } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { Probe, ProbeAnswer, ProbeWord, UnitDetail } from '../api/model';
import { probedUnitQuery } from '../api/queries';
import { clockTime, span } from '../live/clock';
import { Copy } from './Copy';
import classes from './checks.module.css';
import { Empty } from './Facts';
import { ProbePill } from './StatePill';
import { Ago } from './Time';
import { many } from './words';

const questions = {
  ready: { title: 'Readiness', asks: 'May others use it yet?' },
  live: { title: 'Liveness', asks: 'Does it still do its work?' },
} as const;
type Question = keyof typeof questions;

export function Checks({ unit }: { unit: UnitDetail }) {
  // Answers are no events: they are asked for while somebody looks.
  const { data = unit } = useQuery(probedUnitQuery(unit.name));
  const asked = (['ready', 'live'] as const).filter((question) => data.probes[question]);
  if (asked.length === 0) {
    return (
      <div className="card">
        <Empty>
          Nobody asks this unit whether it does its work. Add <span className="mono">probes</span>{' '}
          to it in the configuration.
        </Empty>
      </div>
    );
  }
  return (
    <div className={classes.checks}>
      {asked.map((question) => {
        const probe = data.probes[question];
        return (
          probe && (
            <OneProbe
              key={question}
              question={question}
              says={data[question]}
              probe={probe}
              answers={data.answers.filter((answer) => answer.question === question)}
            />
          )
        );
      })}
    </div>
  );
}

interface Props {
  question: Question;
  says: ProbeWord | null;
  probe: Probe;
  answers: ProbeAnswer[];
}

function OneProbe({ question, says, probe, answers }: Props) {
  const { title, asks } = questions[question];
  const last = answers.at(-1);
  const passed = answers.filter((answer) => answer.passed).length;
  return (
    <section className={`card ${classes.probe}`} aria-label={title}>
      <div className={classes.head}>
        <h2>{title}</h2>
        {says && <ProbePill question={question} says={says} />}
        <span className="dim">{asks}</span>
      </div>
      <ul className={classes.asks}>
        {probe.asks.map((way) => (
          <li key={way}>
            <Copy label="probe" text={way} />
          </li>
        ))}
      </ul>
      <p className="dim">
        Every {span(probe.every_ms)}, an answer within {span(probe.timeout_ms)}.{' '}
        {many(probe.failures, 'failure')} in a row count
        {probe.successes > 1 && `, and ${probe.successes} passes`}.
        {probe.within_ms !== null && ` Its start has failed after ${span(probe.within_ms)}.`}
      </p>
      {answers.length === 0 ? (
        <p className="dim">No answer yet.</p>
      ) : (
        <>
          <ol
            className={classes.strip}
            aria-label={`Answers: ${passed} of ${answers.length} passed`}
          >
            {answers.map((answer) => (
              <Answer key={answer.at} answer={answer} />
            ))}
          </ol>
          {last && (
            <p className={classes.last}>
              {last.passed ? 'Passed' : 'Failed'} <Ago at={last.at} />:{' '}
              <span className="mono">{last.why}</span>
              <span className="dim num"> in {span(last.took_ms)}</span>
            </p>
          )}
        </>
      )}
    </section>
  );
}

function Answer({ answer }: { answer: ProbeAnswer }) {
  const words = `${answer.passed ? 'Passed' : 'Failed'} at ${clockTime(answer.at)}, ${span(answer.took_ms)}: ${answer.why}`;
  const Icon = answer.passed ? IconCheck : IconX;
  return (
    <li>
      <Tooltip label={words} multiline maw={420} events={{ hover: true, focus: true, touch: true }}>
        <button
          type="button"
          className={classes.answer}
          data-passed={answer.passed}
          data-testid="answer"
          aria-label={words}
        >
          <Icon size={11} stroke={3} aria-hidden />
        </button>
      </Tooltip>
    </li>
  );
}
