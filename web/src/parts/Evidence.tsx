/** What is checked before an agent's "done" is believed, and what was found. */
import { IconCircleCheck, IconCircleDashed, IconCircleX, IconLoader2 } from '@tabler/icons-react';
import type { Check, Evidence as Found } from '../api/model';
import { duration } from '../live/clock';
import styles from './evidence.module.css';
import { Empty } from './Facts';
import parts from './parts.module.css';

const says: Record<Found['state'], string> = {
  waiting: 'These are checked when the agent says that it is done.',
  checking: 'The checks run.',
  verified: 'The agent said that it was done, and all checks agree.',
  refuted: 'The agent said that it was done, and a check disagrees.',
  unchecked: 'Nothing is checked: nobody asked for evidence.',
};

const sources: Record<Found['source'], string> = {
  default: 'They are the ones that every run has.',
  asked: 'Whoever began the run asked for them.',
  project: 'The project asks for them.',
};

export function Evidence({ evidence }: { evidence: Found }) {
  return (
    <div className={styles.all} data-testid="evidence">
      <p className="dim">
        {says[evidence.state] ?? evidence.state}{' '}
        {evidence.checks.length > 0 && sources[evidence.source]}
      </p>
      {evidence.checks.length === 0 && <Empty>No checks.</Empty>}
      <ul className={styles.checks} aria-label="Checks">
        {evidence.checks.map((check) => (
          <One key={check.check} check={check} busy={evidence.state === 'checking'} />
        ))}
      </ul>
    </div>
  );
}

function One({ check, busy }: { check: Check; busy: boolean }) {
  const passed = check.passed;
  const Icon =
    passed === true
      ? IconCircleCheck
      : passed === false
        ? IconCircleX
        : busy
          ? IconLoader2
          : IconCircleDashed;
  const tone = passed === true ? 'green' : passed === false ? 'red' : 'grey';
  const word = passed === true ? 'passed' : passed === false ? 'failed' : 'not made yet';
  return (
    <li className={styles.check} data-check={check.check} data-passed={passed}>
      <Icon
        size={18}
        style={{ color: `var(--${tone})`, flex: 'none' }}
        className={passed === null && busy ? parts.turning : undefined}
        role="img"
        aria-label={word}
      />
      <div className={styles.what}>
        <div>
          {check.asks} <span className={`${styles.word} mono`}>{check.check}</span>
        </div>
        {check.detail && <div className="dim">{check.detail}</div>}
        {check.output && <pre className={styles.output}>{check.output}</pre>}
      </div>
      {check.duration_ms !== null && <span className="dim num">{duration(check.duration_ms)}</span>}
    </li>
  );
}
