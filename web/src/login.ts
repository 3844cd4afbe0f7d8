/** The login link: `#login=CODE` is used once and leaves the address bar before it is used. */
import { login } from './api/queries';

const FORM = /^#login=(.+)$/;

export async function redeemLoginCode(): Promise<void> {
  const code = FORM.exec(window.location.hash)?.[1];
  if (!code) return;
  window.history.replaceState(null, '', window.location.pathname + window.location.search);
  try {
    await login({ code: decodeURIComponent(code) });
  } catch (error) {
    window.history.replaceState(null, '', '/login');
    throw error;
  }
}
