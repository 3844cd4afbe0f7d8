/** A page is accessible, and no wider than the screen; and a picture of it is kept. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect } from './orkestra';

export async function fits(target: Page, name: string) {
  // A tooltip under a pointer that rests somewhere is no part of the page.
  await target.mouse.move(0, 0);
  await expect(target.getByRole('tooltip')).toHaveCount(0);
  await target.screenshot({ path: `e2e/screenshots/${name}.png` });
  const { violations } = await new AxeBuilder({ page: target }).analyze();
  expect(violations.map(({ id, nodes }) => [name, id, nodes.map((node) => node.target)])).toEqual(
    [],
  );
  const tooWide = await target.evaluate(() => {
    const main = document.querySelector('main');
    return (
      document.documentElement.scrollWidth > window.innerWidth ||
      (main !== null && main.scrollWidth > main.clientWidth)
    );
  });
  expect(tooWide, `${name} is wider than the page`).toBe(false);
}
