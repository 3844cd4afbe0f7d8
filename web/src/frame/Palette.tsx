/** Ctrl-K: go anywhere, do anything that has a verb. */

import { notifications } from '@mantine/notifications';
import { Spotlight, type SpotlightActionGroupData } from '@mantine/spotlight';
import {
  IconCalendarTime,
  IconHeartbeat,
  IconLogout,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
  IconPlus,
  IconRefresh,
  IconSearch,
  IconServer2,
  IconSettings,
  IconUsersGroup,
} from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import {
  jobsQuery,
  logout,
  statusQuery,
  type UnitVerb,
  useHealthCheck,
  useReloadConfig,
  useRunJob,
  useSwitchJob,
  useUnitVerb,
} from '../api/queries';
import { sessionsQuery, useSessionVerb } from '../api/session';
import { askedToast } from '../parts/JobActions';
import { toastProblem } from '../parts/Problem';
import { firstLine } from '../parts/words';
import { pages } from './pages';

const verbs: [UnitVerb, string, typeof IconPlayerPlay][] = [
  ['start', 'Start', IconPlayerPlay],
  ['stop', 'Stop', IconPlayerStop],
  ['restart', 'Restart', IconRefresh],
];

export function Palette() {
  const navigate = useNavigate();
  const { data: status } = useQuery(statusQuery);
  const { mutate } = useUnitVerb();
  const reload = useReloadConfig();
  const { data: jobs = [] } = useQuery(jobsQuery);
  const runJob = useRunJob();
  const switchJob = useSwitchJob();
  const { data: listed } = useInfiniteQuery(sessionsQuery);
  const sessions = listed?.pages[0]?.sessions ?? [];
  const sessionVerb = useSessionVerb();
  const checkHealth = useHealthCheck();
  const units = status?.units ?? [];

  const groups: SpotlightActionGroupData[] = [
    {
      group: 'Go to',
      actions: [
        ...pages.map(({ to, word, icon: Icon, key }) => ({
          id: `go ${to}`,
          label: word,
          description: `g ${key}`,
          leftSection: <Icon size={18} aria-hidden />,
          onClick: () => void navigate(to),
        })),
        ...units.map((unit) => ({
          id: `unit ${unit.name}`,
          label: unit.name,
          description: unit.why,
          keywords: ['unit'],
          leftSection: <IconServer2 size={18} aria-hidden />,
          onClick: () => void navigate(`/units/${encodeURIComponent(unit.name)}`),
        })),
        ...jobs.map((job) => ({
          id: `job ${job.name}`,
          label: `Job ${job.name}`,
          description: job.schedule,
          leftSection: <IconCalendarTime size={18} aria-hidden />,
          onClick: () => void navigate(`/jobs/${encodeURIComponent(job.name)}`),
        })),
        ...sessions.map((session) => ({
          id: `session ${session.id}`,
          label: firstLine(session.goal),
          description: `Session ${session.short}: ${session.why}`,
          keywords: ['session', session.short],
          leftSection: <IconUsersGroup size={18} aria-hidden />,
          onClick: () => void navigate(`/sessions/${session.id}`),
        })),
      ],
    },
    {
      group: 'Do',
      actions: [
        {
          id: 'new session',
          label: 'New session',
          description: 'Give several agents one goal',
          leftSection: <IconPlus size={18} aria-hidden />,
          onClick: () => void navigate('/sessions?new'),
        },
        {
          id: 'new task',
          label: 'New task',
          description: 'Put something into the queue',
          leftSection: <IconPlus size={18} aria-hidden />,
          onClick: () => void navigate('/board?new=task'),
        },
        {
          id: 'new run',
          label: 'New run',
          description: 'Give an agent something to do',
          leftSection: <IconPlus size={18} aria-hidden />,
          onClick: () => void navigate('/runs?new'),
        },
        ...units.flatMap((unit) =>
          verbs.map(([verb, word, Icon]) => ({
            id: `${verb} ${unit.name}`,
            label: `${word} ${unit.name}`,
            leftSection: <Icon size={18} aria-hidden />,
            onClick: () => mutate({ unit: unit.name, verb }, { onError: toastProblem }),
          })),
        ),
        ...jobs.flatMap((job) => [
          {
            id: `run job ${job.name}`,
            label: `Run job ${job.name} now`,
            leftSection: <IconPlayerPlay size={18} aria-hidden />,
            onClick: () =>
              runJob.mutate(
                { job: job.name, force: false },
                { onError: toastProblem, onSuccess: askedToast },
              ),
          },
          {
            id: `switch job ${job.name}`,
            label: `${job.enabled ? 'Disable' : 'Enable'} job ${job.name}`,
            leftSection: <IconCalendarTime size={18} aria-hidden />,
            onClick: () =>
              switchJob.mutate({ job: job.name, on: !job.enabled }, { onError: toastProblem }),
          },
        ]),
        ...sessions
          .filter(({ state }) => !['verified', 'failed', 'cancelled'].includes(state))
          .map((session) => {
            const verb = session.state === 'paused' ? ('resume' as const) : ('pause' as const);
            const Icon = verb === 'pause' ? IconPlayerPause : IconPlayerPlay;
            return {
              id: `${verb} session ${session.id}`,
              label: `${verb === 'pause' ? 'Pause' : 'Resume'} session: ${firstLine(session.goal)}`,
              leftSection: <Icon size={18} aria-hidden />,
              onClick: () =>
                sessionVerb.mutate({ id: session.id, verb }, { onError: toastProblem }),
            };
          }),
        {
          id: 'check health',
          label: 'Check health now',
          leftSection: <IconHeartbeat size={18} aria-hidden />,
          onClick: () => {
            void navigate('/upkeep');
            checkHealth.mutate(undefined, { onError: toastProblem });
          },
        },
        {
          id: 'reload config',
          label: 'Reload the configuration',
          leftSection: <IconSettings size={18} aria-hidden />,
          onClick: () =>
            reload.mutate(undefined, {
              onError: toastProblem,
              onSuccess: ({ changed }) =>
                notifications.show({
                  title: 'Configuration loaded',
                  message: changed.length ? `Changed: ${changed.join(', ')}` : 'Nothing changed.',
                }),
            }),
        },
        {
          id: 'log out',
          label: 'Log out',
          leftSection: <IconLogout size={18} aria-hidden />,
          onClick: () => void logout().then(() => window.location.assign('/login'), toastProblem),
        },
      ],
    },
  ];

  return (
    <Spotlight
      actions={groups}
      shortcut={['mod + K', '/']}
      scrollable
      overlayProps={{ backgroundOpacity: 0.25, blur: 2 }}
      maxHeight={420}
      highlightQuery
      radius="lg"
      attributes={{ content: { 'aria-label': 'Go somewhere or do something' } }}
      nothingFound="Nothing has that name."
      searchProps={{
        leftSection: <IconSearch size={18} aria-hidden />,
        placeholder: 'Go somewhere or do something',
        'aria-label': 'Go somewhere or do something',
      }}
    />
  );
}
