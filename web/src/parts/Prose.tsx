/** The little Markdown that agents write: paragraphs, code, bold. Everything else stays as typed. */
import { Fragment, type ReactNode } from 'react';
import classes from './conversation.module.css';

export function Prose({ text }: { text: string }) {
  const parts = text.split(/^```[^\n]*\n([\s\S]*?)^```[^\S\n]*$/m);
  return (
    <div className={classes.prose}>
      {parts.map((part, i) =>
        i % 2 === 1 ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a finished text do not move.
          <pre key={i}>{part.replace(/\n$/, '')}</pre>
        ) : (
          part.trim() !== '' && (
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a finished text do not move.
            <div key={i} className={classes.plain}>
              {inline(part.trim())}
            </div>
          )
        ),
      )}
    </div>
  );
}

function inline(text: string): ReactNode[] {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((part, i) => {
    // biome-ignore-start lint/suspicious/noArrayIndexKey: the parts of a finished text do not move.
    if (part.length > 2 && part.startsWith('`')) return <code key={i}>{part.slice(1, -1)}</code>;
    if (part.length > 4 && part.startsWith('**'))
      return <strong key={i}>{part.slice(2, -2)}</strong>;
    return <Fragment key={i}>{part}</Fragment>;
    // biome-ignore-end lint/suspicious/noArrayIndexKey: the parts of a finished text do not move.
  });
}
