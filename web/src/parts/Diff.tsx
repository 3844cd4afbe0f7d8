/** What a run changed: files, and in them the places where lines differ. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { FileDiff, Hunk } from '../api/model';
import { diffQuery } from '../api/queries';
import styles from './diff.module.css';
import { Empty } from './Facts';
import { Waiting } from './Page';
import { ProblemNote } from './Problem';
import { many } from './words';

const words: Record<FileDiff['status'], string> = {
  added: 'new',
  modified: 'changed',
  removed: 'removed',
  renamed: 'renamed',
  copied: 'copied',
  retyped: 'another kind',
};

/** Longer files are folded until somebody wants them. */
const LINES_SHOWN = 400;

export function Diff({ run, live }: { run: string; live: boolean }) {
  const { data, error } = useQuery(diffQuery(run, live));
  if (!data) return error ? <ProblemNote error={error} /> : <Waiting />;
  if (data.files.length === 0) return <Empty>Nothing is changed{live ? ' so far' : ''}.</Empty>;
  return (
    <div className={styles.all} data-testid="diff">
      <p className="dim">
        {many(data.files.length, 'file')}, <span className={styles.plus}>+{data.added}</span>{' '}
        <span className={styles.minus}>−{data.removed}</span>
        {data.cut && '. There is more than is shown here: see the worktree.'}
      </p>
      {data.files.map((file) => (
        <File key={file.path} file={file} />
      ))}
    </div>
  );
}

function File({ file }: { file: FileDiff }) {
  const long = file.hunks.reduce((sum, hunk) => sum + hunk.lines.length, 0) > LINES_SHOWN;
  const [open, setOpen] = useState(!long);
  return (
    <section className={styles.file} aria-label={file.path}>
      <button
        type="button"
        className={styles.head}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <span className="mono clip">
          {file.old_path ? `${file.old_path} → ${file.path}` : file.path}
        </span>
        <span className="dim">{words[file.status] ?? file.status}</span>
        <span className="num">
          <span className={styles.plus}>+{file.added}</span>{' '}
          <span className={styles.minus}>−{file.removed}</span>
        </span>
      </button>
      {open && file.binary && <p className={styles.note}>It is no text.</p>}
      {open &&
        file.hunks.map((hunk) => <Lines key={`${hunk.old_start} ${hunk.new_start}`} hunk={hunk} />)}
      {open && file.cut && <p className={styles.note}>The rest is left out.</p>}
    </section>
  );
}

const kinds: Record<string, string | undefined> = { '+': 'new', '-': 'gone' };
const marks: Record<string, string> = { '+': '+', '-': '−' };

function Lines({ hunk }: { hunk: Hunk }) {
  let [before, now] = [hunk.old_start, hunk.new_start];
  const lines = hunk.lines.map((line) => {
    const mark = line.charAt(0);
    const at = { before: mark === '+' ? null : before, now: mark === '-' ? null : now };
    if (mark !== '+') before += 1;
    if (mark !== '-') now += 1;
    return { ...at, mark, text: line.slice(1), key: `${at.before} ${at.now}` };
  });
  return (
    <table className={styles.lines}>
      <tbody>
        <tr className={styles.place}>
          <td colSpan={4}>{hunk.heading || `line ${hunk.new_start}`}</td>
        </tr>
        {lines.map((line) => (
          <tr key={line.key} data-kind={kinds[line.mark]}>
            <td className={styles.at}>{line.before}</td>
            <td className={styles.at}>{line.now}</td>
            <td className={styles.mark}>{marks[line.mark] ?? ''}</td>
            <td className={styles.text}>{line.text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
