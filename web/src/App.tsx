import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createBrowserRouter, type RouteObject, RouterProvider } from 'react-router';
import { Problem, whenSignedOut } from './api/client';
import { Broken } from './frame/Broken';
import { Frame } from './frame/Frame';
import { Login } from './pages/Login';
import { theme, variables } from './theme';

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The event stream says what is stale; time does not.
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 10 * 60_000,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      refetchOnMount: 'always',
      retry: (count, error) =>
        error instanceof Problem && error.status > 0 && error.status < 500 ? false : count < 2,
    },
  },
});

const pages: RouteObject[] = [
  { index: true, lazy: async () => ({ Component: (await import('./pages/Home')).Home }) },
  { path: 'units', lazy: async () => ({ Component: (await import('./pages/Units')).Units }) },
  {
    path: 'units/:name',
    lazy: async () => ({ Component: (await import('./pages/UnitPage')).UnitPage }),
  },
  { path: 'runs', lazy: async () => ({ Component: (await import('./pages/Runs')).Runs }) },
  {
    path: 'runs/:id',
    lazy: async () => ({ Component: (await import('./pages/RunPage')).RunPage }),
  },
  { path: 'board', lazy: async () => ({ Component: (await import('./pages/Board')).Board }) },
  {
    path: 'tasks/:id',
    lazy: async () => ({ Component: (await import('./pages/TaskPage')).TaskPage }),
  },
  {
    path: 'sessions',
    lazy: async () => ({ Component: (await import('./pages/Sessions')).Sessions }),
  },
  {
    path: 'sessions/:id',
    lazy: async () => ({ Component: (await import('./pages/SessionPage')).SessionPage }),
  },
  {
    path: 'decisions',
    lazy: async () => ({ Component: (await import('./pages/Decisions')).Decisions }),
  },
  {
    path: 'votes/:id',
    lazy: async () => ({ Component: (await import('./pages/VotePage')).VotePage }),
  },
  {
    path: 'reviews/:id',
    lazy: async () => ({ Component: (await import('./pages/ReviewPage')).ReviewPage }),
  },
  { path: 'agents', lazy: async () => ({ Component: (await import('./pages/Agents')).Agents }) },
  {
    path: 'approvals',
    lazy: async () => ({ Component: (await import('./pages/Approvals')).Approvals }),
  },
  { path: 'money', lazy: async () => ({ Component: (await import('./pages/Money')).Money }) },
  { path: 'jobs', lazy: async () => ({ Component: (await import('./pages/Jobs')).Jobs }) },
  {
    path: 'jobs/:name',
    lazy: async () => ({ Component: (await import('./pages/JobPage')).JobPage }),
  },
  // `/health` itself is the daemon's answer to whoever asks whether it is up.
  { path: 'upkeep', lazy: async () => ({ Component: (await import('./pages/Health')).Health }) },
  { path: 'journal', lazy: async () => ({ Component: (await import('./pages/Journal')).Journal }) },
  { path: '*', lazy: async () => ({ Component: (await import('./pages/Missing')).Missing }) },
];

export function App({ loginProblem }: { loginProblem: unknown }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={client}>
        <Notifications position="bottom-right" zIndex={400} containerWidth={400} />
        <RouterProvider router={routerFor(loginProblem)} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

const Nothing = () => null;

let router: ReturnType<typeof createBrowserRouter> | undefined;

function routerFor(loginProblem: unknown) {
  if (router) return router;
  const made = createBrowserRouter([
    { path: '/login', element: <Login problem={loginProblem} /> },
    {
      path: '/',
      Component: Frame,
      HydrateFallback: Nothing,
      ErrorBoundary: Broken,
      children: pages,
    },
  ]);
  router = made;
  whenSignedOut(() => {
    if (made.state.location.pathname === '/login') return;
    const from = made.state.location.pathname + made.state.location.search;
    client.clear();
    void made.navigate('/login', { replace: true, state: { from } });
  });
  return made;
}
