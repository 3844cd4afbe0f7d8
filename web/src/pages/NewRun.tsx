/** Ask an agent to do something. What you typed stays until it is sent. */
import { Button, Group, Modal, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useNavigate } from 'react-router';
import { agentsQuery, useNewRun } from '../api/queries';
import { ProblemNote } from '../parts/Problem';

const draft = { prompt: '', agent: null as string | null, target: '' };

export function NewRun({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="New run"
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Form />
    </Modal>
  );
}

function Form() {
  const [prompt, setPrompt] = useState(draft.prompt);
  const [agent, setAgent] = useState(draft.agent);
  const [target, setTarget] = useState(draft.target);
  const agents = useQuery(agentsQuery);
  const run = useNewRun();
  const navigate = useNavigate();
  Object.assign(draft, { prompt, agent, target });

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (prompt.trim() === '' || run.isPending) return;
    run.mutate(
      { prompt, agent: agent ?? undefined, target: target.trim() || undefined },
      {
        onSuccess: (made) => {
          draft.prompt = '';
          void navigate(`/runs/${made.id}`);
        },
      },
    );
  };

  const chosen = agents.data?.agents.find((each) => each.name === agent);
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <Textarea
          label="What should be done?"
          placeholder="Say it as you would to a colleague."
          autosize
          minRows={5}
          maxRows={16}
          data-autofocus
          value={prompt}
          onChange={(event) => setPrompt(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
          }}
        />
        <Group grow align="flex-start" preventGrowOverflow={false} wrap="wrap">
          <Select
            label="Agent"
            placeholder="The usual one"
            clearable
            clearButtonProps={{ 'aria-label': 'Take the usual agent' }}
            miw={200}
            value={agent}
            onChange={setAgent}
            data={(agents.data?.agents ?? []).map((each) => ({
              value: each.name,
              label: each.found ? each.name : `${each.name} (not found)`,
              disabled: !each.found,
            }))}
            description={chosen?.why ?? chosen?.program}
            inputWrapperOrder={['label', 'input', 'description', 'error']}
          />
          <TextInput
            label="Folder"
            placeholder="/home/you/project"
            description="The whole path. The daemon’s own folder if you leave it empty."
            inputWrapperOrder={['label', 'input', 'description', 'error']}
            miw={200}
            value={target}
            onChange={(event) => setTarget(event.currentTarget.value)}
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          />
        </Group>
        {run.error && <ProblemNote error={run.error} />}
        {agents.data?.hint && <Text size="sm">{agents.data.hint}</Text>}
        {agents.error && <ProblemNote error={agents.error} />}
        <Group justify="flex-end">
          <Text size="xs" c="dimmed">
            Ctrl Enter starts it
          </Text>
          <Button type="submit" loading={run.isPending} disabled={prompt.trim() === ''}>
            Start the run
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
