/** Small labelled values, as many in a line as fit. */
import type { ReactNode } from 'react';
import classes from './parts.module.css';

export function Facts({ children }: { children: ReactNode }) {
  return <dl className={classes.facts}>{children}</dl>;
}

interface FactProps {
  name: string;
  /** Where facts stand in columns: needs a line of its own. */
  wide?: boolean;
  children: ReactNode;
}

export function Fact({ name, wide, children }: FactProps) {
  return (
    <div className={classes.fact} data-wide={wide}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className={classes.empty}>{children}</p>;
}
