/** What somebody should hear of once: open ones first, those that are over when asked for. */
import { Button, SegmentedControl } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Alert } from '../api/model';
import { alertsQuery, useSettleAlert } from '../api/queries';
import { useGlow } from '../live/useGlow';
import { Copy } from '../parts/Copy';
import { Empty } from '../parts/Facts';
import { ProblemNote, toastProblem } from '../parts/Problem';
import { AlertPill } from '../parts/StatePill';
import { Ago } from '../parts/Time';
import { many } from '../parts/words';
import styles from './jobs.module.css';
import classes from './pages.module.css';

type Shown = 'open' | 'all';

export function Alerts() {
  const [shown, setShown] = useState<Shown>('open');
  const { data, error } = useQuery(alertsQuery);
  const alerts = data?.alerts.filter((alert) => shown === 'all' || alert.state === 'open') ?? [];
  return (
    <section className={classes.band} aria-label="Alerts">
      <div className={classes.bandBar}>
        <h2 className={classes.bandHead}>
          Alerts {data && data.open > 0 && <span className="num">{data.open} open</span>}
        </h2>
        <SegmentedControl
          size="xs"
          aria-label="Which alerts"
          value={shown}
          onChange={(value) => setShown(value as Shown)}
          data={[
            { value: 'open', label: 'Open' },
            { value: 'all', label: 'All' },
          ]}
        />
      </div>
      <div className={classes.card}>
        {!data && (error ? <ProblemNote error={error} /> : <Empty>Reading the alerts …</Empty>)}
        {data && alerts.length === 0 && (
          <Empty>{shown === 'all' ? 'There was no alert yet.' : 'No alert is open.'}</Empty>
        )}
        <ul className={classes.rows} aria-label="Alerts">
          {alerts.map((alert) => (
            <Row key={alert.id} alert={alert} />
          ))}
        </ul>
      </div>
    </section>
  );
}

/** The page of what it is about, where there is one. */
function place({ what, subject }: Alert): string | null {
  if (what.startsWith('unit_')) return `/units/${encodeURIComponent(subject)}`;
  if (what.startsWith('job_')) return `/jobs/${encodeURIComponent(subject)}`;
  return null;
}

function Row({ alert }: { alert: Alert }) {
  const glow = useGlow<HTMLLIElement>(`${alert.state} ${alert.level}`);
  const to = place(alert);
  return (
    <li className={styles.alert} ref={glow} data-alert={alert.what} data-subject={alert.subject}>
      <span>
        <AlertPill alert={alert} />
      </span>
      <div className={styles.text}>
        {to ? (
          <Link to={to} className={classes.open} data-row>
            {alert.title}
          </Link>
        ) : (
          <span className={styles.name}>{alert.title}</span>
        )}
        <div className={`${styles.meta} num`}>
          <span>
            first <Ago at={alert.first_at} />
          </span>
          {alert.count > 1 && (
            <span>
              {many(alert.count, 'time')}, last <Ago at={alert.last_at} />
            </span>
          )}
          {alert.deliveries > 1 && <span>told {many(alert.deliveries, 'time')}</span>}
          {alert.ended_at && (
            <span>
              {alert.state} <Ago at={alert.ended_at} />
              {alert.settled_by && ` by ${alert.settled_by}`}
            </span>
          )}
          <span className={classes.above}>
            <Copy label="terminal command" text={alert.action} />
          </span>
        </div>
      </div>
      <span className={classes.above}>{alert.state === 'open' && <Settle id={alert.id} />}</span>
    </li>
  );
}

export function Settle({ id }: { id: string }) {
  const { mutate, isPending } = useSettleAlert();
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconCheck size={14} aria-hidden />}
      loading={isPending}
      onClick={() => mutate(id, { onError: toastProblem })}
    >
      Settle
    </Button>
  );
}
