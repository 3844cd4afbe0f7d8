/** The head of a page and its bands. */
import { Skeleton } from '@mantine/core';
import { IconChevronLeft } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import classes from '../pages/pages.module.css';

interface HeadProps {
  title: ReactNode;
  pill?: ReactNode;
  why?: ReactNode;
  back?: { to: string; word: string };
  children?: ReactNode;
}

export function Head({ title, pill, why, back, children }: HeadProps) {
  return (
    <div className={classes.head}>
      <div className={classes.heading}>
        {back && (
          <Link to={back.to} className={classes.back}>
            <IconChevronLeft size={14} aria-hidden />
            {back.word}
          </Link>
        )}
        <div className={classes.title}>
          <h1 style={{ font: 'inherit' }}>{title}</h1>
          {pill}
        </div>
        {why && <p className={classes.why}>{why}</p>}
      </div>
      {children}
    </div>
  );
}

interface BandProps {
  title: string;
  note?: ReactNode;
  children: ReactNode;
}

export function Band({ title, note, children }: BandProps) {
  return (
    <section className={classes.band} aria-label={title}>
      <h2 className={classes.bandHead}>
        {title}
        {note !== undefined && <span className="num">{note}</span>}
      </h2>
      <div className={classes.card}>{children}</div>
    </section>
  );
}

export function Waiting({ rows = 4 }: { rows?: number }) {
  return (
    <div className={classes.card} aria-busy="true" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity.
        <div key={i} className={classes.line}>
          <Skeleton height={22} width={96} radius="xl" />
          <Skeleton height={12} width={`${48 - ((i * 13) % 30)}%`} />
        </div>
      ))}
    </div>
  );
}
