/** A person changes a plan before it becomes tasks. The daemon looks at it as it looks at a planner's. */
import {
  Button,
  Group,
  Modal,
  MultiSelect,
  SegmentedControl,
  Select,
  Stack,
  Textarea,
  TextInput,
} from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { type Plan, type PlannedTask, type SessionDetail, useSessionVerb } from '../api/session';
import { Fold } from '../parts/Fold';
import { ProblemNote } from '../parts/Problem';
import styles from './session.module.css';

interface Props {
  session: SessionDetail;
  opened: boolean;
  onClose: () => void;
}

export function PlanEditor({ session, opened, onClose }: Props) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Edit the plan"
      size="xl"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Editor session={session} onDone={onClose} />
    </Modal>
  );
}

const blank = (n: number): PlannedTask => ({
  key: `task-${n}`,
  title: '',
  prompt: '',
  role: 'code_writer_implementer',
  agent: null,
  responsibilities: [],
  deliverables: [],
  hands_over: [],
  evidence: [],
  depends: [],
  needs: [],
  priority: 'medium',
  kind: 'code',
  complexity: null,
  estimated_tokens: null,
  phase: null,
});

/** What is empty is left out: the daemon knows what it means. */
export function written(plan: Plan): unknown {
  return {
    summary: plan.summary,
    tasks: plan.tasks.map((task) =>
      Object.fromEntries(
        Object.entries(task).filter(
          ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
        ),
      ),
    ),
  };
}

const list = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

function Editor({ session, onDone }: { session: SessionDetail; onDone: () => void }) {
  const act = useSessionVerb();
  const [plan, setPlan] = useState<Plan>(session.plan ?? { summary: '', tasks: [blank(1)] });
  const [raw, setRaw] = useState<string | null>(null);
  const [broken, setBroken] = useState<string | null>(null);
  const change = (index: number, part: Partial<PlannedTask>) =>
    setPlan({
      ...plan,
      tasks: plan.tasks.map((task, i) => (i === index ? { ...task, ...part } : task)),
    });

  const send = () => {
    let body: unknown = written(plan);
    if (raw !== null) {
      try {
        body = JSON.parse(raw);
        setBroken(null);
      } catch (error) {
        setBroken(String(error));
        return;
      }
    }
    act.mutate({ id: session.id, verb: 'plan', body: { plan: body } }, { onSuccess: onDone });
  };

  return (
    <Stack gap="md">
      <SegmentedControl
        size="xs"
        aria-label="How to edit it"
        value={raw === null ? 'form' : 'json'}
        onChange={(value) =>
          setRaw(value === 'json' ? JSON.stringify(written(plan), null, 2) : null)
        }
        data={[
          { value: 'form', label: 'Tasks' },
          { value: 'json', label: 'JSON' },
        ]}
        style={{ alignSelf: 'flex-start' }}
      />
      {raw !== null && (
        <Textarea
          label="The plan as JSON"
          autosize
          minRows={12}
          maxRows={28}
          value={raw}
          error={broken}
          onChange={(event) => setRaw(event.currentTarget.value)}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        />
      )}
      {raw === null && (
        <>
          <Textarea
            label="How the goal is reached"
            autosize
            minRows={2}
            value={plan.summary}
            onChange={(event) => setPlan({ ...plan, summary: event.currentTarget.value })}
          />
          {plan.tasks.map((task, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: keys of tasks are edited here.
            <div key={index} className={`card ${styles.edited}`}>
              <Fold
                open={task.title === ''}
                head={
                  <span>
                    <strong>{task.title || 'A new task'}</strong>{' '}
                    <span className="mono dim">{task.key}</span>
                  </span>
                }
              >
                <TaskFields
                  task={task}
                  agents={session.agents}
                  others={plan.tasks.filter((_, i) => i !== index).map(({ key }) => key)}
                  onChange={(part) => change(index, part)}
                />
                <Button
                  mt="sm"
                  size="xs"
                  variant="subtle"
                  color="red"
                  leftSection={<IconTrash size={14} aria-hidden />}
                  onClick={() =>
                    setPlan({ ...plan, tasks: plan.tasks.filter((_, i) => i !== index) })
                  }
                >
                  Take this task out
                </Button>
              </Fold>
            </div>
          ))}
          <Button
            variant="default"
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() =>
              setPlan({ ...plan, tasks: [...plan.tasks, blank(plan.tasks.length + 1)] })
            }
          >
            Add a task
          </Button>
        </>
      )}
      {act.error && <ProblemNote error={act.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button loading={act.isPending} onClick={send}>
          Save the plan
        </Button>
      </Group>
    </Stack>
  );
}

interface FieldsProps {
  task: PlannedTask;
  agents: string[];
  others: string[];
  onChange: (part: Partial<PlannedTask>) => void;
}

function TaskFields({ task, agents, others, onChange }: FieldsProps) {
  return (
    <Stack gap="sm" pt="xs">
      <Group grow align="flex-start" preventGrowOverflow={false} wrap="wrap">
        <TextInput
          label="Title"
          miw={180}
          value={task.title}
          onChange={(event) => onChange({ title: event.currentTarget.value })}
        />
        <TextInput
          label="Key"
          miw={100}
          value={task.key}
          onChange={(event) => onChange({ key: event.currentTarget.value })}
        />
        <Select
          label="Agent"
          placeholder="chosen when it is ready"
          miw={150}
          clearable
          clearButtonProps={{ 'aria-label': 'Leave the choice open' }}
          value={task.agent}
          onChange={(agent) => onChange({ agent })}
          data={agents}
        />
      </Group>
      <Textarea
        label="What is asked"
        autosize
        minRows={2}
        value={task.prompt}
        onChange={(event) => onChange({ prompt: event.currentTarget.value })}
      />
      <MultiSelect
        label="Comes after"
        value={task.depends}
        onChange={(depends) => onChange({ depends })}
        data={[...new Set([...others, ...task.depends])]}
      />
      <Group grow align="flex-start" preventGrowOverflow={false} wrap="wrap">
        <Textarea
          label="Files that must be there"
          autosize
          minRows={2}
          miw={180}
          value={task.deliverables.join('\n')}
          onChange={(event) => onChange({ deliverables: list(event.currentTarget.value) })}
        />
        <Textarea
          label="Evidence"
          autosize
          minRows={2}
          miw={180}
          value={task.evidence.join('\n')}
          onChange={(event) => onChange({ evidence: list(event.currentTarget.value) })}
        />
      </Group>
    </Stack>
  );
}
