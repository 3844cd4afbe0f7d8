/** What changed under your eyes glows once. The first look never glows. */
import { useEffect, useRef } from 'react';

export function useGlow<T extends HTMLElement>(sign: string) {
  const ref = useRef<T>(null);
  const last = useRef(sign);
  useEffect(() => {
    if (last.current === sign) return;
    last.current = sign;
    const element = ref.current;
    if (!element) return;
    element.classList.remove('glow');
    // Reading the size starts the animation over when changes follow each other quickly.
    void element.offsetWidth;
    element.classList.add('glow');
  }, [sign]);
  return ref;
}
