/** The verbs of a unit. The daemon decides; a refusal is shown in its words. */
import { ActionIcon, Button, Group, Tooltip } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop, IconRefresh } from '@tabler/icons-react';
import type { Unit } from '../api/model';
import { type UnitVerb, useUnitVerb } from '../api/queries';
import { toastProblem } from './Problem';

const verbs = {
  start: { word: 'Start', icon: IconPlayerPlay },
  stop: { word: 'Stop', icon: IconPlayerStop },
  restart: { word: 'Restart', icon: IconRefresh },
};

/** Which verbs are worth a button; any may still be refused. */
function offered(unit: Unit): UnitVerb[] {
  switch (unit.state) {
    case 'stopped':
    case 'failed':
      return ['start'];
    case 'backing_off':
      return ['start', 'stop'];
    default:
      return ['restart', 'stop'];
  }
}

interface Props {
  unit: Unit;
  compact?: boolean;
}

export function UnitActions({ unit, compact }: Props) {
  const { mutate, isPending, variables } = useUnitVerb();
  return (
    <Group gap={compact ? 4 : 8} wrap="nowrap">
      {offered(unit).map((verb) => {
        const { word, icon: Icon } = verbs[verb];
        const loading = isPending && variables.verb === verb;
        const press = () => mutate({ unit: unit.name, verb }, { onError: toastProblem });
        return compact ? (
          <Tooltip key={verb} label={word}>
            <ActionIcon
              className="thumb"
              variant="subtle"
              color="gray"
              size={32}
              aria-label={`${word} ${unit.name}`}
              loading={loading}
              onClick={press}
            >
              <Icon size={17} stroke={1.8} aria-hidden />
            </ActionIcon>
          </Tooltip>
        ) : (
          <Button
            key={verb}
            variant={verb === 'start' ? 'filled' : 'default'}
            leftSection={<Icon size={16} aria-hidden />}
            loading={loading}
            onClick={press}
          >
            {word}
          </Button>
        );
      })}
    </Group>
  );
}
