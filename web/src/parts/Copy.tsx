/** Ids, paths and commands: monospace, and one press copies them whole. */
import { Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import classes from './parts.module.css';

async function copyText(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // The clipboard API exists only in secure contexts; over plain HTTP on the home network it does not.
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

interface Props {
  /** What it is: “process id”, “command”. */
  label: string;
  text: string;
  children?: string;
}

export function Copy({ label, text, children }: Props) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  const shown = children ?? text;
  return (
    <Tooltip
      label={copied ? 'Copied' : shown === text ? `Copy ${label}` : text}
      maw={520}
      multiline
    >
      <button
        type="button"
        className={classes.copy}
        aria-label={`${label} ${shown}, copy`}
        onClick={() => void copyText(text).then(() => setCopied(true))}
      >
        <span className="mono clip">{shown}</span>
        {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
      </button>
    </Tooltip>
  );
}

/** A command as you would type it. */
export function commandLine(words: string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
