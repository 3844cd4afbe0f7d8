import '@mantine/core/styles.css';
import '@mantine/spotlight/styles.css';
import '@mantine/notifications/styles.css';
import './styles.css';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { redeemLoginCode } from './login';

// Before the first drawing, so that a dark room stays dark.
const dark = window.matchMedia('(prefers-color-scheme: dark)').matches;
document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');

const root = document.getElementById('root');
if (root) {
  const show = (problem: unknown) => createRoot(root).render(<App loginProblem={problem} />);
  redeemLoginCode().then(() => show(null), show);
}
