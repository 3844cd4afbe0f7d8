/** Put a task into the queue. */
import {
  Button,
  Group,
  Modal,
  SegmentedControl,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useNavigate } from 'react-router';
import { agentsQuery } from '../api/queries';
import { type Priority, useNewTask } from '../api/task';
import { ProblemNote } from '../parts/Problem';

const kinds = [
  'code',
  'feature',
  'bug_fix',
  'refactor',
  'test',
  'documentation',
  'content',
  'review',
  'deployment',
  'research',
];

const fresh = {
  title: '',
  prompt: '',
  kind: 'code',
  priority: 'medium' as Priority,
  agent: null as string | null,
  target: '',
  evidence: '',
};
let draft = fresh;

interface Props {
  opened: boolean;
  session?: string;
  onClose: () => void;
}

export function NewTask({ opened, onClose }: Props) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="New task"
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Form />
    </Modal>
  );
}

function Form() {
  const [form, setForm] = useState(draft);
  const agents = useQuery(agentsQuery);
  const make = useNewTask();
  const navigate = useNavigate();
  draft = form;
  const set = (change: Partial<typeof fresh>) => setForm({ ...form, ...change });
  const ready = form.title.trim() !== '';
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!ready || make.isPending) return;
    const evidence = form.evidence
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    make.mutate(
      {
        title: form.title.trim(),
        prompt: form.prompt.trim() || form.title.trim(),
        kind: form.kind,
        priority: form.priority,
        agent: form.agent ?? undefined,
        target: form.target.trim() || undefined,
        evidence: evidence.length > 0 ? evidence : undefined,
      },
      {
        onSuccess: (task) => {
          draft = fresh;
          void navigate(`/tasks/${task.id}`);
        },
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label="Title"
          data-autofocus
          value={form.title}
          onChange={(event) => set({ title: event.currentTarget.value })}
        />
        <Textarea
          label="What should be done?"
          autosize
          minRows={4}
          maxRows={14}
          value={form.prompt}
          onChange={(event) => set({ prompt: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
          }}
        />
        <Group grow align="flex-start" preventGrowOverflow={false} wrap="wrap">
          <Select
            label="Kind"
            miw={150}
            allowDeselect={false}
            value={form.kind}
            onChange={(kind) => kind && set({ kind })}
            data={kinds}
          />
          <Select
            label="Agent"
            placeholder="The best one for it"
            miw={150}
            clearable
            clearButtonProps={{ 'aria-label': 'Leave the choice open' }}
            value={form.agent}
            onChange={(agent) => set({ agent })}
            data={agents.data?.agents.map(({ name }) => name) ?? []}
          />
        </Group>
        <div>
          <Text size="sm" fw={500} mb={4}>
            Priority
          </Text>
          <SegmentedControl
            size="xs"
            aria-label="Priority"
            value={form.priority}
            onChange={(value) => set({ priority: value as Priority })}
            data={['low', 'medium', 'high', 'critical']}
          />
        </div>
        <TextInput
          label="Folder"
          placeholder="/home/you/project"
          value={form.target}
          onChange={(event) => set({ target: event.currentTarget.value })}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        />
        <Textarea
          label="Evidence"
          placeholder={'tests\nfile:README.md'}
          description="What must be found before its “done” is believed, one check a line."
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          autosize
          minRows={2}
          value={form.evidence}
          onChange={(event) => set({ evidence: event.currentTarget.value })}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        />
        {make.error && <ProblemNote error={make.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={make.isPending} disabled={!ready}>
            Put it into the queue
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
