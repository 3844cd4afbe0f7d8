/** Times are relative; the exact time is one hover away. */
import { Tooltip } from '@mantine/core';
import { ago, duration, exact, now, useNow } from '../live/clock';

export function Ago({ at }: { at: string | null }) {
  const reference = useNow(at !== null);
  if (!at) return <span className="dim">–</span>;
  return (
    <Tooltip label={exact(at)}>
      <time className="num" dateTime={at}>
        {ago(Date.parse(at), Math.max(reference, now()))}
      </time>
    </Tooltip>
  );
}

/** How long since `at`, counting up. */
export function Since({ at }: { at: string | null }) {
  const reference = useNow(at !== null);
  if (!at) return <span className="dim">–</span>;
  return (
    <Tooltip label={`since ${exact(at)}`}>
      <time className="num" dateTime={at}>
        {duration(reference - Date.parse(at))}
      </time>
    </Tooltip>
  );
}

/** How long until `at`, counting down. */
export function Countdown({ at }: { at: string }) {
  const reference = useNow();
  const left = Date.parse(at) - reference;
  return (
    <Tooltip label={exact(at)}>
      <time className="num" dateTime={at}>
        {left <= 0 ? 'any moment' : `in ${duration(left + 999)}`}
      </time>
    </Tooltip>
  );
}
