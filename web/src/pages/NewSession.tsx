/** Give several agents one goal. What you typed stays until it is sent. */
import {
  Button,
  Checkbox,
  Group,
  Modal,
  MultiSelect,
  NumberInput,
  SegmentedControl,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { useNavigate } from 'react-router';
import { agentsQuery, statusQuery } from '../api/queries';
import { type Involvement, useNewSession } from '../api/session';
import { ProblemNote } from '../parts/Problem';

const fresh = {
  goal: '',
  agents: [] as string[],
  target: '',
  involvement: 'low' as Involvement,
  planReview: false,
  planOnly: false,
  merge: false,
  budget: '' as number | '',
};
let draft = fresh;

const asks: Record<Involvement, string> = {
  high: 'You see the plan, every round of it, and the end.',
  medium: 'You see every second round of the plan, and the end.',
  low: 'You are asked at the end, and when something is stuck.',
};

export function NewSession({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="New session"
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
  const { data: status } = useQuery(statusQuery);
  const begin = useNewSession();
  const navigate = useNavigate();
  const involvementId = useId();
  draft = form;
  const set = (change: Partial<typeof fresh>) => setForm({ ...form, ...change });
  const ready = form.goal.trim() !== '' && form.agents.length > 0 && form.target.trim() !== '';

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!ready || begin.isPending) return;
    begin.mutate(
      {
        goal: form.goal,
        agents: form.agents,
        target: form.target.trim(),
        plan_review: form.planReview,
        plan_only: form.planOnly,
        involvement: form.involvement,
        merge: form.merge,
        budget_usd: form.budget === '' ? undefined : form.budget,
      },
      {
        onSuccess: (made) => {
          draft = fresh;
          void navigate(`/sessions/${made.id}`);
        },
      },
    );
  };

  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <Textarea
          label="What should be reached?"
          placeholder="One goal, as you would say it to a team."
          autosize
          minRows={4}
          maxRows={14}
          data-autofocus
          value={form.goal}
          onChange={(event) => set({ goal: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
          }}
        />
        <MultiSelect
          label="Agents"
          placeholder={form.agents.length === 0 ? 'Who works on it' : undefined}
          description="The first who can plan does. Who is missing is stood in for."
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          value={form.agents}
          onChange={(chosen) => set({ agents: chosen })}
          hidePickedOptions
          data={(agents.data?.agents ?? []).map((each) => ({
            value: each.name,
            label: each.found ? each.name : `${each.name} (not found)`,
          }))}
        />
        <TextInput
          label="Folder"
          placeholder="/home/you/project"
          description="The whole path of a git repository."
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          value={form.target}
          onChange={(event) => set({ target: event.currentTarget.value })}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        />
        <div>
          <Text size="sm" fw={500} id={involvementId}>
            How much are you asked?
          </Text>
          <SegmentedControl
            size="xs"
            mt={4}
            aria-labelledby={involvementId}
            value={form.involvement}
            onChange={(value) => set({ involvement: value as Involvement })}
            data={[
              { value: 'low', label: 'Little' },
              { value: 'medium', label: 'Sometimes' },
              { value: 'high', label: 'Always' },
            ]}
          />
          <Text size="xs" c="dimmed" mt={4}>
            {asks[form.involvement]}
          </Text>
        </div>
        <Stack gap="xs">
          <Checkbox
            label="The other agents review the plan before any work begins"
            checked={form.planReview}
            onChange={(event) => set({ planReview: event.currentTarget.checked })}
          />
          <Checkbox
            label="Only plan: wait for my word before any work begins"
            checked={form.planOnly}
            onChange={(event) => set({ planOnly: event.currentTarget.checked })}
          />
          <Checkbox
            label="Move my own branch to the result at the end"
            checked={form.merge}
            onChange={(event) => set({ merge: event.currentTarget.checked })}
          />
        </Stack>
        <NumberInput
          label="Budget"
          placeholder="as the configuration says"
          min={0}
          hideControls
          decimalScale={2}
          suffix=" $"
          maw={220}
          value={form.budget}
          onChange={(value) => set({ budget: typeof value === 'number' ? value : '' })}
        />
        {begin.error && <ProblemNote error={begin.error} />}
        {agents.error && <ProblemNote error={agents.error} />}
        <Group justify="flex-end">
          <Text size="xs" c="dimmed">
            Ctrl Enter starts it{status ? ` on ${status.daemon.host}` : ''}
          </Text>
          <Button type="submit" loading={begin.isPending} disabled={!ready}>
            Start the session
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
