/** Ask an agent to do something. What you typed stays until it is sent. */
import {
  Button,
  Collapse,
  Group,
  Modal,
  NumberInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { IconChevronDown, IconChevronUp } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useNavigate } from 'react-router';
import type { NewRun as NewRunBody } from '../api/model';
import { agentsQuery, useNewRun } from '../api/queries';
import { ProblemNote } from '../parts/Problem';

type Amount = number | '';

/** What a run must show and may use; an empty field is as the agent has it. */
interface Bounds {
  evidence: string;
  budget: Amount;
  minutes: Amount;
  /** In millions of bytes. */
  memory: Amount;
  tokens: Amount;
}

const unbound: Bounds = { evidence: '', budget: '', minutes: '', memory: '', tokens: '' };
const draft = { prompt: '', agent: null as string | null, target: '', bounds: unbound };

const times = (amount: Amount, factor: number) =>
  amount === '' ? undefined : Math.round(amount * factor);

/** As the daemon wants them; what is not said is left out. */
export function asked(bounds: Bounds): Pick<NewRunBody, 'evidence' | 'budget_usd' | 'limits'> {
  const evidence = bounds.evidence
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const limits = {
    time_ms: times(bounds.minutes, 60_000),
    memory: times(bounds.memory, 1_000_000),
    tokens: times(bounds.tokens, 1),
  };
  return {
    evidence: evidence.length > 0 ? evidence : undefined,
    budget_usd: bounds.budget === '' ? undefined : bounds.budget,
    limits: Object.values(limits).some((limit) => limit !== undefined) ? limits : undefined,
  };
}

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
  const [bounds, setBounds] = useState(draft.bounds);
  const [more, setMore] = useState(draft.bounds !== unbound);
  const agents = useQuery(agentsQuery);
  const run = useNewRun();
  const navigate = useNavigate();
  Object.assign(draft, { prompt, agent, target, bounds });

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (prompt.trim() === '' || run.isPending) return;
    run.mutate(
      {
        prompt,
        agent: agent ?? undefined,
        target: target.trim() || undefined,
        ...asked(bounds),
      },
      {
        onSuccess: (made) => {
          draft.prompt = '';
          draft.bounds = unbound;
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
        <div>
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            ml={-8}
            aria-expanded={more}
            rightSection={
              more ? (
                <IconChevronUp size={14} aria-hidden />
              ) : (
                <IconChevronDown size={14} aria-hidden />
              )
            }
            onClick={() => setMore(!more)}
          >
            Evidence, budget and limits
          </Button>
          <Collapse expanded={more}>
            <BoundsFields bounds={bounds} onChange={setBounds} />
          </Collapse>
        </div>
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

/** What must be found before its "done" is believed, and what it may use. */
function BoundsFields({ bounds, onChange }: { bounds: Bounds; onChange: (to: Bounds) => void }) {
  const amount = (key: Exclude<keyof Bounds, 'evidence'>, label: string, suffix: string) => (
    <NumberInput
      label={label}
      placeholder="as the agent has it"
      min={0}
      hideControls
      thousandSeparator=" "
      suffix={suffix}
      decimalScale={key === 'tokens' ? 0 : 2}
      miw={120}
      value={bounds[key]}
      onChange={(value) =>
        onChange({ ...bounds, [key]: typeof value === 'number' ? value : Number(value) || '' })
      }
    />
  );
  return (
    <Stack gap="md" pt="xs">
      <Textarea
        label="Evidence"
        placeholder={'commits:1\nfile:README.md\ncommand:cargo test'}
        description="What must be found before its “done” is believed, one check a line. Left empty: as the project says."
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        autosize
        minRows={2}
        value={bounds.evidence}
        onChange={(event) => onChange({ ...bounds, evidence: event.currentTarget.value })}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      />
      <Group grow align="flex-start" preventGrowOverflow={false} wrap="wrap">
        {amount('budget', 'Budget', ' $')}
        {amount('minutes', 'Time', ' min')}
        {amount('memory', 'Memory', ' MB')}
        {amount('tokens', 'Tokens', '')}
      </Group>
    </Stack>
  );
}
