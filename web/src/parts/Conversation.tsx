/** What was asked, said and done in a run. Tool calls are folded with their results. */
import {
  IconAlertTriangle,
  IconBulb,
  IconChevronRight,
  IconEyeCheck,
  IconFlag,
  IconHandStop,
  IconHelpCircle,
  IconListCheck,
  IconProgress,
  IconRefresh,
  IconZoomExclamation,
} from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import type { RunDetail } from '../api/model';
import { clockTime, exact } from '../live/clock';
import { conversation, gist, type Step } from '../live/conversation';
import classes from './conversation.module.css';
import { FollowList } from './FollowList';
import { Prose } from './Prose';

export function Conversation({ run }: { run: RunDetail }) {
  const steps = useMemo(() => conversation(run), [run]);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  return (
    <div className={classes.conversation}>
      <FollowList
        label="Conversation"
        count={steps.length}
        itemKey={(index) => steps[index]?.key ?? index}
        estimate={64}
        className={classes.list}
      >
        {(index) => {
          const step = steps[index];
          return (
            step && <One step={step} open={open.has(step.key)} onToggle={() => toggle(step.key)} />
          );
        }}
      </FollowList>
    </div>
  );
}

interface OneProps {
  step: Step;
  open: boolean;
  onToggle: () => void;
}

const notes = {
  thinking: { icon: IconBulb, word: 'Thinking' },
  plan: { icon: IconListCheck, word: 'Plan' },
  milestone: { icon: IconFlag, word: 'Milestone' },
  progress: { icon: IconProgress, word: 'Progress' },
  blocker: { icon: IconHandStop, word: 'Blocker' },
  finding: { icon: IconZoomExclamation, word: 'Finding' },
  review_request: { icon: IconEyeCheck, word: 'Asks for a review' },
  question: { icon: IconHelpCircle, word: 'Question' },
  warning: { icon: IconAlertTriangle, word: 'Warning' },
  retry: { icon: IconRefresh, word: 'Retry' },
  raw: { icon: IconAlertTriangle, word: 'Not understood' },
  note: { icon: IconFlag, word: '' },
};

function One({ step, open, onToggle }: OneProps) {
  switch (step.type) {
    case 'prompt':
      return (
        <div className={classes.prompt}>
          <div className={classes.who}>You asked</div>
          <div className={classes.plain}>{step.text}</div>
        </div>
      );
    case 'text':
      return (
        <div className={classes.text} data-testid="run-text">
          <Prose text={step.text} />
          <When at={step.at} />
        </div>
      );
    case 'tool': {
      const failed = step.result?.is_error === true;
      const state = step.result === null ? 'working' : failed ? 'failed' : 'done';
      return (
        <div className={classes.tool} data-state={state} data-testid="tool-call">
          <Fold
            open={open}
            onToggle={onToggle}
            head={
              <>
                <span className={classes.toolName}>{step.name}</span>
                <span className="mono clip dim">{gist(step.input)}</span>
                <span className={classes.toolState}>{state}</span>
              </>
            }
          >
            {step.input !== undefined && <pre>{pretty(step.input)}</pre>}
            {step.result && <pre data-failed={failed}>{step.result.output || '(nothing)'}</pre>}
          </Fold>
        </div>
      );
    }
    case 'ended':
      return (
        <div className={classes.ended} data-ok={step.ok}>
          <strong>{step.ok ? 'Reported done' : 'Ended without success'}</strong>
          <When at={step.at} />
          {step.text && <Prose text={step.text} />}
        </div>
      );
    default: {
      const { icon: Icon, word } = notes[step.type];
      const folded = step.type === 'thinking' || step.type === 'raw';
      if (folded) {
        return (
          <div className={classes.aside}>
            <Fold
              open={open}
              onToggle={onToggle}
              head={
                <>
                  <Icon size={14} aria-hidden /> {word}
                </>
              }
            >
              <div className={classes.plain}>{step.text}</div>
            </Fold>
          </div>
        );
      }
      return (
        <div className={classes.note} data-kind={step.type}>
          <Icon size={15} aria-hidden />
          <div className={classes.plain}>
            {word && <strong>{step.type === 'plan' ? `${word}\n` : `${word}: `}</strong>}
            {step.text}
            {'file' in step && step.file && (
              <>
                {' '}
                <span className="mono dim">{step.file}</span>
              </>
            )}
            {'progress' in step && step.progress !== null && (
              <span className={`${classes.share} num`}>
                <span className={classes.bar} aria-hidden="true">
                  <span style={{ width: `${Math.min(100, Math.max(0, step.progress))}%` }} />
                </span>
                {step.progress} %
              </span>
            )}
          </div>
          <When at={step.at} />
        </div>
      );
    }
  }
}

function Fold({
  open,
  onToggle,
  head,
  children,
}: {
  open: boolean;
  onToggle: () => void;
  head: ReactNode;
  children: ReactNode;
}) {
  return (
    <>
      <button type="button" className={classes.foldHead} aria-expanded={open} onClick={onToggle}>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden />
        {head}
      </button>
      {open && <div className={classes.foldBody}>{children}</div>}
    </>
  );
}

function When({ at }: { at: string }) {
  return (
    <time className={`${classes.when} num`} dateTime={at} title={exact(at)}>
      {clockTime(at)}
    </time>
  );
}

function pretty(input: unknown): string {
  if (typeof input === 'string') return input;
  const values = typeof input === 'object' && input !== null ? Object.values(input) : [];
  const [only] = values;
  // A command alone reads better as it is typed.
  return values.length === 1 && typeof only === 'string' ? only : JSON.stringify(input, null, 2);
}
