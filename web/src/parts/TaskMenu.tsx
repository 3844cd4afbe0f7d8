/** The verbs of a task, from its card, its page and the keyboard. The daemon refuses what makes no sense. */
import { ActionIcon, Button, Menu, Modal, Stack, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import {
  IconArrowBackUp,
  IconArrowRight,
  IconDots,
  IconExternalLink,
  IconFlag,
  IconPlayerPlay,
  IconRefresh,
  IconUserCheck,
  IconX,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { agentsQuery } from '../api/queries';
import { type Priority, priorities, type Task, type TaskVerb, useTaskVerb } from '../api/task';
import { verbsOf } from './board';
import { ProblemNote, toastProblem } from './Problem';

export const verbWords: Record<TaskVerb, string> = {
  edit: 'Edit',
  assign: 'Give to',
  retry: 'Try again',
  cancel: 'Cancel',
  shelve: 'Put into the backlog',
  unshelve: 'Make ready',
  handover: 'Hand over',
};

const icons: Partial<Record<TaskVerb, typeof IconX>> = {
  retry: IconRefresh,
  cancel: IconX,
  shelve: IconArrowBackUp,
  unshelve: IconPlayerPlay,
};

/** Says what was done where it cannot be seen at once. */
export const sayMoved = (sentence: string) =>
  notifications.show({ message: sentence, autoClose: 6000, withBorder: true });

export function TaskMenu({ task, size = 28 }: { task: Task; size?: number }) {
  const act = useTaskVerb();
  const navigate = useNavigate();
  const [handing, setHanding] = useState(false);
  const verbs = verbsOf(task);
  const { data: agents } = useQuery(agentsQuery);
  const names = agents?.agents.map(({ name }) => name) ?? [];
  const press = (verb: TaskVerb, body?: unknown) =>
    act.mutate({ id: task.id, verb, body }, { onError: toastProblem });
  return (
    <>
      <Menu position="bottom-end" withinPortal shadow="md" width={230}>
        <Menu.Target>
          <ActionIcon
            className="thumb"
            variant="subtle"
            color="gray"
            size={size}
            aria-label={`What to do with ${task.title}`}
            loading={act.isPending}
          >
            <IconDots size={17} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconExternalLink size={15} aria-hidden />}
            onClick={() => void navigate(`/tasks/${task.id}`)}
          >
            Open
          </Menu.Item>
          {(['unshelve', 'shelve', 'retry'] as const)
            .filter((verb) => verbs.includes(verb))
            .map((verb) => {
              const Icon = icons[verb] ?? IconArrowRight;
              return (
                <Menu.Item
                  key={verb}
                  leftSection={<Icon size={15} aria-hidden />}
                  onClick={() => press(verb)}
                >
                  {verbWords[verb]}
                </Menu.Item>
              );
            })}
          {verbs.includes('handover') && (
            <Menu.Item
              leftSection={<IconArrowRight size={15} aria-hidden />}
              onClick={() => setHanding(true)}
            >
              Hand over …
            </Menu.Item>
          )}
          {verbs.includes('assign') && names.length > 0 && (
            <Menu.Sub position="left-start">
              <Menu.Sub.Target>
                <Menu.Sub.Item leftSection={<IconUserCheck size={15} aria-hidden />}>
                  Give to
                </Menu.Sub.Item>
              </Menu.Sub.Target>
              <Menu.Sub.Dropdown>
                {names.map((agent) => (
                  <Menu.Item key={agent} onClick={() => press('assign', { agent })}>
                    {agent}
                    {task.assigned === agent && ' (has it)'}
                  </Menu.Item>
                ))}
                <Menu.Item onClick={() => press('assign', { agent: null })}>Anybody</Menu.Item>
              </Menu.Sub.Dropdown>
            </Menu.Sub>
          )}
          {verbs.includes('edit') && (
            <Menu.Sub position="left-start">
              <Menu.Sub.Target>
                <Menu.Sub.Item leftSection={<IconFlag size={15} aria-hidden />}>
                  Priority
                </Menu.Sub.Item>
              </Menu.Sub.Target>
              <Menu.Sub.Dropdown>
                {priorities.map((priority: Priority) => (
                  <Menu.Item key={priority} onClick={() => press('edit', { priority })}>
                    {priority}
                    {task.priority === priority && ' (now)'}
                  </Menu.Item>
                ))}
              </Menu.Sub.Dropdown>
            </Menu.Sub>
          )}
          {verbs.includes('cancel') && (
            <>
              <Menu.Divider />
              <Menu.Item
                color="red"
                leftSection={<IconX size={15} aria-hidden />}
                onClick={() => press('cancel')}
              >
                Cancel the task
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <HandOver task={task} opened={handing} agents={names} onClose={() => setHanding(false)} />
    </>
  );
}

interface HandOverProps {
  task: Task;
  agents: string[];
  opened: boolean;
  onClose: () => void;
}

/** Somebody else is to do it, and gets what the next one has to know. */
function HandOver({ task, agents, opened, onClose }: HandOverProps) {
  const act = useTaskVerb();
  const [note, setNote] = useState('');
  const has = task.claim?.agent ?? task.assigned;
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={`Hand over “${task.title}”`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="md">
        <Textarea
          label="What the next one has to know"
          autosize
          minRows={3}
          data-autofocus
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
        />
        {act.error && <ProblemNote error={act.error} />}
        <Stack gap="xs">
          {agents
            .filter((agent) => agent !== has)
            .map((agent) => (
              <Button
                key={agent}
                variant="default"
                loading={act.isPending}
                onClick={() =>
                  act.mutate(
                    {
                      id: task.id,
                      verb: 'handover',
                      body: { to: agent, note: note.trim() || undefined },
                    },
                    { onSuccess: onClose },
                  )
                }
              >
                To {agent}
              </Button>
            ))}
        </Stack>
      </Stack>
    </Modal>
  );
}
