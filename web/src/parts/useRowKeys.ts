/** j and k walk through the rows of a page; Enter opens, because a row is a link. */
import { useEffect } from 'react';

/** True while keys belong to something else: a field, a dialog, a shortcut of the browser. */
export function keysAreTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.target as HTMLElement | null;
  if (target?.closest('input, textarea, select, [contenteditable="true"]')) return true;
  return document.querySelector('[role="dialog"]') !== null;
}

export function useRowKeys() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const step = event.key === 'j' ? 1 : event.key === 'k' ? -1 : 0;
      if (step === 0 || keysAreTaken(event)) return;
      const rows = Array.from(document.querySelectorAll<HTMLElement>('main [data-row]'));
      if (rows.length === 0) return;
      const at = rows.indexOf(document.activeElement as HTMLElement);
      const to = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
      rows[Math.min(rows.length - 1, Math.max(0, to))]?.focus();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
