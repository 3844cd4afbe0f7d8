/** How the house is: checks with figures and advice, alerts, and what was mended. */
import { Button } from '@mantine/core';
import { IconStethoscope } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { HealthCheck } from '../api/model';
import { healthQuery, useHealthCheck } from '../api/queries';
import { useGlow } from '../live/useGlow';
import { Empty } from '../parts/Facts';
import { Band, Head, Waiting } from '../parts/Page';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { LevelPill, levelFace, toneStyle } from '../parts/StatePill';
import { Ago } from '../parts/Time';
import { useRowKeys } from '../parts/useRowKeys';
import { bytes, percent } from '../parts/words';
import { Alerts } from './Alerts';
import styles from './jobs.module.css';
import classes from './pages.module.css';

export function Health() {
  const { data, error } = useQuery(healthQuery);
  const check = useHealthCheck();
  useRowKeys();
  return (
    <div className={classes.page}>
      <Head
        title="Health"
        pill={data && <LevelPill level={data.level} />}
        why={
          data && (
            <>
              Looked at <Ago at={data.checked_at} />. Checking now also recomputes the journal.
            </>
          )
        }
      >
        <Button
          variant="default"
          leftSection={<IconStethoscope size={16} aria-hidden />}
          loading={check.isPending}
          onClick={() => check.mutate(undefined, { onError: toastProblem })}
        >
          Check now
        </Button>
      </Head>
      <Alerts />
      {!data && (error ? <ProblemNote error={error} /> : <Waiting rows={8} />)}
      {data && (
        <>
          <Band title="Checks" note={data.checks.length}>
            <ul className={classes.rows} aria-label="Checks">
              {data.checks.map((each) => (
                <Check key={each.name} check={each} />
              ))}
            </ul>
          </Band>
          <Band title="Mended" note={data.repairs.length || undefined}>
            {data.repairs.length === 0 && <Empty>Nothing had to be mended.</Empty>}
            <ul className={classes.rows} aria-label="Mended">
              {data.repairs.map((repair) => (
                <li key={`${repair.at} ${repair.what} ${repair.name}`} className={styles.repair}>
                  <span>{repair.done}</span>
                  <span className="mono dim">{repair.name}</span>
                  <span className="dim">
                    <Ago at={repair.at} />
                  </span>
                </li>
              ))}
            </ul>
          </Band>
        </>
      )}
    </div>
  );
}

function Check({ check }: { check: HealthCheck }) {
  const glow = useGlow<HTMLLIElement>(check.level);
  return (
    <li
      className={styles.check}
      style={toneStyle(levelFace(check.level).tone)}
      ref={glow}
      data-check={check.name}
    >
      <span>
        <LevelPill level={check.level} />
      </span>
      <span className={styles.name}>{check.name}</span>
      <span className={styles.says}>
        {check.says}
        {check.advice && <span className="dim"> {check.advice}</span>}
      </span>
      <span className={styles.figure}>
        <Figure check={check} />
      </span>
    </li>
  );
}

function say(value: number, measure: string | null): string {
  if (measure === 'bytes') return bytes(value);
  if (measure === 'share') return percent(value * 100);
  if (measure === 'per_cpu') return value.toFixed(1);
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** The figure as a bar, and where it begins to matter as a mark on it. */
function Figure({ check: { value, threshold, measure, name } }: { check: HealthCheck }) {
  // Where nothing at all is allowed, the sentence has said how many there are.
  if (value === null || threshold === null || threshold <= 0) return null;
  const top = measure === 'share' ? 1 : Math.max(value, threshold) * 1.1 || 1;
  const part = (of: number) => `${Math.min(100, (of / top) * 100)}%`;
  return (
    <>
      <span
        className={styles.bar}
        style={{ display: 'block' }}
        role="img"
        aria-label={`${name}: ${say(value, measure)}, the threshold is ${say(threshold, measure)}`}
      >
        <span className={styles.fill} style={{ display: 'block', width: part(value) }} />
        <span className={styles.mark} style={{ left: part(threshold) }} />
      </span>
      <span className={`${styles.measure} num`} aria-hidden="true">
        <span>{say(value, measure)}</span>
        <span>threshold {say(threshold, measure)}</span>
      </span>
    </>
  );
}
