/** The verbs of a job. The daemon decides; when it leaves a run out, it says why, and you may insist. */
import { ActionIcon, Button, Group, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconPlayerPause, IconPlayerPlay, IconRotateClockwise } from '@tabler/icons-react';
import type { Job, JobAsked } from '../api/model';
import { useRunJob, useSwitchJob } from '../api/queries';
import { toastProblem } from './Problem';
import classes from './parts.module.css';

const NOTE = 'asked-';

function Skipped({ asked }: { asked: JobAsked }) {
  const { mutate } = useRunJob();
  const anyway = () => {
    notifications.hide(NOTE + asked.job.name);
    mutate({ job: asked.job.name, force: true }, { onError: toastProblem, onSuccess: askedToast });
  };
  return (
    <>
      {asked.why}
      <div className={classes.offer}>
        <Button size="xs" variant="default" onClick={anyway}>
          Run anyway
        </Button>
      </div>
    </>
  );
}

/** Says what became of the wish, where it is not seen by itself. */
export function askedToast(asked: JobAsked) {
  const { name } = asked.job;
  const id = NOTE + name;
  notifications.hide(id);
  if (asked.outcome === 'skipped') {
    notifications.show({
      id,
      color: 'yellow',
      title: `${name} was not run`,
      message: <Skipped asked={asked} />,
      autoClose: 15_000,
      withBorder: true,
    });
  } else {
    notifications.show({
      id,
      title: asked.outcome === 'queued' ? `${name} is next` : `${name} runs`,
      message:
        asked.outcome === 'queued'
          ? 'It begins when the one that runs is over.'
          : `Run ${asked.number}.`,
    });
  }
}

export function JobActions({ job, compact }: { job: Job; compact?: boolean }) {
  const run = useRunJob();
  const change = useSwitchJob();
  const press = () =>
    run.mutate({ job: job.name, force: false }, { onError: toastProblem, onSuccess: askedToast });
  const turn = () => change.mutate({ job: job.name, on: !job.enabled }, { onError: toastProblem });
  const word = job.enabled ? 'Disable' : 'Enable';
  const Turn = job.enabled ? IconPlayerPause : IconRotateClockwise;
  if (!compact) {
    return (
      <Group gap={8} wrap="nowrap">
        <Button
          leftSection={<IconPlayerPlay size={16} aria-hidden />}
          loading={run.isPending}
          onClick={press}
        >
          Run now
        </Button>
        <Button
          variant="default"
          leftSection={<Turn size={16} aria-hidden />}
          loading={change.isPending}
          onClick={turn}
        >
          {word}
        </Button>
      </Group>
    );
  }
  const icon = (text: string, Icon: typeof Turn, loading: boolean, act: () => void) => (
    <Tooltip label={text}>
      <ActionIcon
        className="thumb"
        variant="subtle"
        color="gray"
        size={32}
        aria-label={text === 'Run now' ? `Run ${job.name} now` : `${text} ${job.name}`}
        loading={loading}
        onClick={act}
      >
        <Icon size={17} stroke={1.8} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
  return (
    <Group gap={4} wrap="nowrap">
      {icon('Run now', IconPlayerPlay, run.isPending, press)}
      {icon(word, Turn, change.isPending, turn)}
    </Group>
  );
}
