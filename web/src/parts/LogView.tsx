/** A live log: pause, search, choose a stream; it stays at the last line unless you scroll up. */
import { ActionIcon, Button, SegmentedControl, TextInput, Tooltip } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay, IconSearch, IconTextWrap } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { clockTime, exact } from '../live/clock';
import { plain, type SeenLine, type StreamFilter, select } from '../live/log';
import type { FollowedLog } from '../live/useLog';
import { Empty } from './Facts';
import { FollowList } from './FollowList';
import classes from './log.module.css';
import { ProblemNote } from './Problem';
import { many } from './words';

interface Props {
  /** Whose log it is. */
  name: string;
  /** What a terminal takes for the name, if something else. */
  cliName?: string;
  followed: FollowedLog;
}

export function LogView({ name, cliName = name, followed }: Props) {
  const { log, loading, connection, problem } = followed;
  const [stream, setStream] = useState<StreamFilter>('all');
  const [search, setSearch] = useState('');
  const [wrap, setWrap] = useState(true);
  const [frozen, setFrozen] = useState<SeenLine[] | null>(null);

  const source = frozen ?? log.lines;
  const lines = useMemo(() => select(source, stream, search), [source, stream, search]);
  const waiting = frozen ? (log.lines.at(-1)?.n ?? -1) - (frozen.at(-1)?.n ?? -1) : 0;

  return (
    <div className={classes.log}>
      <div className={classes.bar}>
        <TextInput
          className={classes.search}
          size="xs"
          type="search"
          aria-label="Search the log"
          placeholder="Search the log"
          leftSection={<IconSearch size={14} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <SegmentedControl
          size="xs"
          aria-label="Stream"
          value={stream}
          onChange={(value) => setStream(value as StreamFilter)}
          data={[
            { value: 'all', label: 'All' },
            { value: 'stdout', label: 'Output' },
            { value: 'stderr', label: 'Errors' },
          ]}
        />
        <Tooltip label={wrap ? 'Do not wrap long lines' : 'Wrap long lines'}>
          <ActionIcon
            variant={wrap ? 'light' : 'default'}
            size={30}
            aria-label="Wrap long lines"
            aria-pressed={wrap}
            onClick={() => setWrap(!wrap)}
          >
            <IconTextWrap size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
        <span className={`${classes.state} num`}>
          {stream !== 'all' || search.trim() !== ''
            ? `${lines.length} of ${many(source.length, 'line')}`
            : many(source.length + log.dropped, 'line')}
          {(connection.state === 'reconnecting' || connection.state === 'offline') &&
            ', reconnecting'}
        </span>
        <Button
          size="xs"
          variant={frozen ? 'filled' : 'default'}
          leftSection={
            frozen ? (
              <IconPlayerPlay size={14} aria-hidden />
            ) : (
              <IconPlayerPause size={14} aria-hidden />
            )
          }
          onClick={() => setFrozen(frozen ? null : log.lines)}
        >
          {frozen ? `Resume${waiting > 0 ? `, ${waiting} new` : ''}` : 'Pause'}
        </Button>
      </div>
      {problem && (
        <div style={{ padding: 12 }}>
          <ProblemNote error={problem} />
        </div>
      )}
      {!problem && lines.length === 0 && (
        <Empty>
          {loading
            ? 'Reading the log …'
            : source.length === 0
              ? `${name} has not written anything yet. New lines appear here by themselves.`
              : 'No line fits. Change the search or the stream.'}
        </Empty>
      )}
      {log.dropped > 0 && !frozen && (
        <p className={classes.dropped}>
          {many(log.dropped, 'older line')} not shown here. The whole log:{' '}
          <span className="mono">orkestra logs {cliName}</span>
        </p>
      )}
      <FollowList
        label={`Log of ${name}`}
        count={lines.length}
        itemKey={(index) => lines[index]?.n ?? index}
        estimate={20}
        still={frozen !== null}
        className={wrap ? classes.wrap : classes.nowrap}
      >
        {(index) => {
          const line = lines[index];
          return line && <Line line={line} needle={search.trim()} />;
        }}
      </FollowList>
    </div>
  );
}

function Line({ line, needle }: { line: SeenLine; needle: string }) {
  return (
    <>
      {line.gap && <p className={classes.gap}>Lines were rotated away</p>}
      <div className={classes.line} data-stream={line.stream} data-testid="log-line">
        <time className={classes.time} dateTime={line.at} title={exact(line.at)}>
          {clockTime(line.at)}
        </time>
        <span className={classes.tag}>{line.stream === 'stderr' ? 'err' : ''}</span>
        <span className={classes.text}>
          <Marked text={plain(line.text)} needle={needle} />
          {line.truncated && <span className="dim"> … (line cut)</span>}
        </span>
      </div>
    </>
  );
}

function Marked({ text, needle }: { text: string; needle: string }) {
  if (needle === '') return text;
  const parts = [];
  const low = text.toLowerCase();
  const find = needle.toLowerCase();
  let from = 0;
  for (let at = low.indexOf(find); at >= 0; at = low.indexOf(find, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + find.length)}</mark>);
    from = at + find.length;
  }
  parts.push(text.slice(from));
  return parts;
}
