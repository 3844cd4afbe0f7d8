/** A page that cannot be drawn says so and offers a way on. */
import { Button } from '@mantine/core';
import { useRouteError } from 'react-router';
import { ProblemNote } from '../parts/Problem';

export function Broken() {
  const error = useRouteError();
  return (
    <main style={{ maxWidth: 560, margin: '15vh auto', padding: 16 }}>
      <ProblemNote error={error} />
      <Button mt="md" onClick={() => window.location.reload()}>
        Load the page again
      </Button>
    </main>
  );
}
