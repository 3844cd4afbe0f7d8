/** `g` then a letter goes to a page. */
import { useEffect } from 'react';
import { useNavigate } from 'react-router';
import { keysAreTaken } from '../parts/useRowKeys';
import { pages } from './pages';

const CHORD_MS = 1200;

export function useGoKeys() {
  const navigate = useNavigate();
  useEffect(() => {
    let armedUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if (keysAreTaken(event)) return;
      if (event.key === 'g') {
        armedUntil = event.timeStamp + CHORD_MS;
        return;
      }
      const page = pages.find((each) => each.key === event.key);
      const armed = event.timeStamp < armedUntil;
      armedUntil = 0;
      if (!armed || !page) return;
      event.preventDefault();
      void navigate(page.to);
    };
    // Capture: the second key of a chord must not reach the page (`j` walks through rows there).
    window.addEventListener('keydown', onKey, true);
    return () => window.removeEventListener('keydown', onKey, true);
  }, [navigate]);
}
