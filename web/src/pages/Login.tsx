/** The way in: a link from the terminal, or a token. */
import { Button, PasswordInput, Stack } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { login } from '../api/queries';
import { Logo } from '../frame/Logo';
import { Copy } from '../parts/Copy';
import { ProblemNote } from '../parts/Problem';
import classes from './login.module.css';

export function Login({ problem }: { problem: unknown }) {
  const [token, setToken] = useState('');
  const [error, setError] = useState<unknown>(problem);
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const from = (useLocation().state as { from?: string } | null)?.from ?? '/';

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await login({ token: token.trim() });
      await navigate(from, { replace: true });
    } catch (refusal) {
      setError(refusal);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className={classes.page}>
      <div className={classes.card}>
        <div className={classes.brand}>
          <Logo size={34} />
          <h1>Orkestra</h1>
        </div>
        {error ? <ProblemNote error={error} /> : null}
        <section>
          <h2>From the terminal</h2>
          <p className="dim">This prints a link that logs this browser in. It works once.</p>
          <div className={classes.command}>
            <Copy label="command" text="orkestra dashboard" />
          </div>
        </section>
        <div className={classes.or}>or</div>
        <form onSubmit={submit}>
          <Stack gap="sm">
            <PasswordInput
              label="Token"
              placeholder="Paste a token"
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
              autoComplete="current-password"
              visibilityToggleButtonProps={{ 'aria-label': 'Show the token' }}
            />
            <Button type="submit" fullWidth loading={busy} disabled={token.trim() === ''}>
              Log in
            </Button>
          </Stack>
        </form>
      </div>
    </main>
  );
}
