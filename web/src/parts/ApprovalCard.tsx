/** A question to a person: what exactly would be done, why it is asked, and the keys that answer it. */
import { Button, Kbd, Select } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconClock, IconWorld, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { Approval, ApprovalScope } from '../api/model';
import { useAnswer } from '../api/queries';
import styles from './approval.module.css';
import { Copy } from './Copy';
import { toastProblem } from './Problem';
import { ApprovalPill } from './StatePill';
import { Ago, Countdown } from './Time';
import { keysAreTaken } from './useRowKeys';
import { many } from './words';

const scopeWords: Record<ApprovalScope, string> = {
  once: 'this once',
  task: 'in this run',
  agent: 'for this agent, 1 h',
  rule: 'for all, 1 h',
};

interface Props {
  approval: Approval;
  /** It is the one that the keys answer. */
  current?: boolean;
  onLater?: () => void;
}

export function ApprovalCard({ approval, current = false, onLater }: Props) {
  const answer = useAnswer();
  const [scope, setScope] = useState<ApprovalScope>('once');
  const card = useRef<HTMLElement>(null);
  const pending = approval.state === 'pending';

  const say = (allow: boolean) => {
    if (answer.isPending) return;
    const wide = scope === 'agent' || scope === 'rule';
    answer.mutate(
      {
        id: approval.id,
        // Exactly what is on the screen: if it changed meanwhile, the daemon says no.
        hash: approval.hash,
        allow,
        ...(allow && { scope, ...(wide && { for: '1h' }) }),
      },
      { onError: toastProblem },
    );
  };
  const latest = useRef(say);
  latest.current = say;
  const later = useRef(onLater);
  later.current = onLater;

  useEffect(() => {
    if (!current || !pending) return;
    const onKey = (event: KeyboardEvent) => {
      if (keysAreTaken(event) || event.repeat) return;
      if (event.key === 'a') latest.current(true);
      else if (event.key === 'd') latest.current(false);
      else if (event.key === 's') later.current?.();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [current, pending]);

  const hidden = Object.entries(approval.hidden);
  return (
    <article
      ref={card}
      className={styles.card}
      data-current={current && pending}
      data-approval={approval.id}
      aria-label={`Approval: ${approval.what}`}
    >
      <header className={styles.head}>
        <ApprovalPill approval={approval} />
        <span className={styles.who}>
          <strong>{approval.agent}</strong> wants to use <strong>{approval.tool}</strong>
          {' in run '}
          <Link to={`/runs/${approval.run}`} className="mono">
            {approval.run_short}
          </Link>
        </span>
        <span className="dim">
          <Ago at={approval.asked_at} />
          {pending && (
            <>
              {' · ends '}
              <Countdown at={approval.expires_at} />
            </>
          )}
        </span>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
      <pre className={styles.bytes} tabIndex={0} data-testid="approval-text">
        {approval.text}
      </pre>
      {hidden.length > 0 && (
        <p className={styles.warning}>
          <IconAlertTriangle size={16} aria-hidden />
          It holds characters that cannot be seen:{' '}
          {hidden.map(([word, times]) => `${word} (${times})`).join(', ')}.
        </p>
      )}
      <ul className={styles.reasons} aria-label="Why it is asked">
        {approval.reasons.map((reason) => (
          <li key={`${reason.rule} ${reason.part}`}>
            {reason.outward && <IconWorld size={15} aria-label="reaches the outer world" />}
            <span>{reason.reason}</span>
            {reason.part && reason.part !== approval.text && (
              <code className={styles.part}>{reason.part}</code>
            )}
            <span className={`${styles.rule} mono`}>{reason.rule}</span>
          </li>
        ))}
      </ul>
      <p className="dim">
        In <Copy label="folder" text={approval.cwd || approval.worktree} />
        {approval.calls > 1 && `, asked by ${many(approval.calls, 'call')}`}
      </p>
      {pending ? (
        <footer className={styles.answers}>
          <Button
            leftSection={<IconCheck size={16} aria-hidden />}
            rightSection={current && <Kbd size="xs">a</Kbd>}
            loading={answer.isPending}
            onClick={() => say(true)}
          >
            Approve
          </Button>
          <Button
            variant="default"
            leftSection={<IconX size={16} aria-hidden />}
            rightSection={current && <Kbd size="xs">d</Kbd>}
            disabled={answer.isPending}
            onClick={() => say(false)}
          >
            Deny
          </Button>
          {onLater && (
            <Button
              variant="subtle"
              color="gray"
              leftSection={<IconClock size={16} aria-hidden />}
              rightSection={current && <Kbd size="xs">s</Kbd>}
              onClick={onLater}
            >
              Later
            </Button>
          )}
          {approval.scopes.length > 1 && (
            <Select
              className={styles.scope}
              size="sm"
              aria-label="How far a yes reaches"
              allowDeselect={false}
              value={scope}
              onChange={(value) => value && setScope(value as ApprovalScope)}
              data={approval.scopes.map((value) => ({ value, label: scopeWords[value] }))}
            />
          )}
        </footer>
      ) : (
        approval.answer && (
          <p className="dim">
            {approval.answer.by}, <Ago at={approval.answer.at} />
            {approval.state !== 'denied' && `, ${scopeWords[approval.answer.scope]}`}
            {approval.answer.note && `: ${approval.answer.note}`}
          </p>
        )
      )}
    </article>
  );
}
