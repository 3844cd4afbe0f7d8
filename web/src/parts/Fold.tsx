/** Something long that is read when it is wanted. */
import { IconChevronRight } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './fold.module.css';

interface Props {
  head: ReactNode;
  open?: boolean;
  children: ReactNode;
}

export function Fold({ head, open, children }: Props) {
  return (
    <details className={classes.fold} open={open}>
      <summary className={classes.head}>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden />
        {head}
      </summary>
      <div className={classes.body}>{children}</div>
    </details>
  );
}
