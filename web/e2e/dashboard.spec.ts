/** The dashboard as a person uses it, against the real daemon. Tests run in order and share one login. */
import { existsSync } from 'node:fs';
import type { BrowserContext, Locator, Page } from '@playwright/test';
import { fits } from './fits';
import { expect, expectLive, test } from './orkestra';

test.describe.configure({ mode: 'serial' });

let context: BrowserContext;
let page: Page;
const complaints: string[] = [];

test.beforeAll(async ({ browser, link }) => {
  context = await browser.newContext();
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) complaints.push(message.text());
  });
  await page.goto(link);
});

test.afterAll(async () => {
  await context?.close();
  expect(complaints).toEqual([]);
});

const at = (path: string) => new URL(path, page.url()).href;
const row = (unit: string) => page.locator(`li[data-unit="${unit}"]`);
const state = (within: Locator) => within.getByTestId('state');
const ticks = (target: Page) => target.getByTestId('log-line').filter({ hasText: /tick \d+$/ });

async function numbers(target: Page): Promise<number[]> {
  const texts = await ticks(target).allInnerTexts();
  return texts.map((text) => Number(/tick (\d+)/.exec(text)?.[1]));
}

async function startRun(target: Page, folder: string, agent = 'helper') {
  await target.getByRole('button', { name: 'New run' }).click();
  const dialog = target.getByRole('dialog');
  await dialog.getByLabel('What should be done?').fill('Say what is in this folder');
  await dialog.getByRole('combobox', { name: 'Agent' }).click();
  await target.getByRole('option', { name: agent }).click();
  await dialog.getByLabel('Folder').fill(folder);
  await dialog.getByRole('button', { name: 'Start the run' }).click();
  await expect(target).toHaveURL(/\/runs\/.+/);
}

test('the login link works once', async ({ browser, link }) => {
  await expect(page.getByRole('region', { name: 'Running' })).toContainText('ticker');
  expect(page.url()).not.toContain('login=');
  await expectLive(page);

  const second = await browser.newContext();
  const stranger = await second.newPage();
  await stranger.goto(link);
  await expect(stranger.getByRole('alert')).toContainText('ORK-');
  await expect(stranger.getByLabel('Token', { exact: true })).toBeVisible();
  expect(stranger.url()).not.toContain('login=');
  await stranger.goto(new URL('/units', link).href);
  await expect(stranger.getByRole('button', { name: 'Log in' })).toBeVisible();
  await second.close();
});

test('row_050_pressing_start_stop_or_restart_runs_it_and_the_result_appears_without_reload', async () => {
  const process = async (): Promise<number | null> => {
    const answer = await page.request.get(at('/api/v1/units/ticker'));
    return ((await answer.json()) as { pid: number | null }).pid;
  };
  const lives = (pid: number | null) => existsSync(`/proc/${pid}`);
  await page.goto(at('/units'));
  await expect(state(row('ticker'))).toHaveText('Running');
  await expect(state(row('crasher'))).toHaveText('Backing off');
  await expect(row('crasher')).toContainText('Starts in');
  await page.evaluate(() => {
    document.body.dataset.same = 'yes';
  });

  const first = await process();
  expect(lives(first)).toBe(true);
  await page.getByRole('button', { name: 'Stop ticker' }).click();
  await expect(state(row('ticker'))).toHaveText('Stopped');
  expect(lives(first)).toBe(false);

  await page.getByRole('button', { name: 'Start ticker' }).click();
  await expect(state(row('ticker'))).toHaveText('Running');
  const second = await process();
  expect(lives(second)).toBe(true);
  await expect(row('ticker')).toContainText(String(second));

  await page.getByRole('button', { name: 'Restart ticker' }).click();
  await expect(row('ticker')).not.toContainText(String(second));
  await expect(state(row('ticker'))).toHaveText('Running');
  const third = await process();
  expect(lives(third)).toBe(true);
  expect(lives(second)).toBe(false);
  await expect(row('ticker')).toContainText(String(third));
  expect(await page.evaluate(() => document.body.dataset.same)).toBe('yes');
});

test('keys walk, open and go', async () => {
  await page.keyboard.press('j');
  await expect(page.locator('[data-row]').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/units\/.+/);
  for (const [key, path] of [
    ['j', '/journal'],
    ['r', '/runs'],
    ['h', '/'],
    ['b', '/jobs'],
    ['e', '/upkeep'],
    ['u', '/units'],
  ]) {
    await page.keyboard.press('g');
    await page.keyboard.press(key ?? '');
    await expect(page).toHaveURL(at(path ?? ''));
  }
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('Go somewhere or do something').fill('restart sleeper');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('g');
  await page.keyboard.press('j');
  await expect(page.locator('[data-kind="unit.restart_requested"]').first()).toContainText(
    'sleeper',
  );
});

test('a log is followed, searched and paused', async () => {
  await page.goto(at('/units/ticker'));
  const last = ticks(page).last();
  await expect(last).toBeVisible();
  const before = Math.max(...(await numbers(page)));
  await expect.poll(async () => Math.max(...(await numbers(page)))).toBeGreaterThan(before + 5);
  await expect(last).toBeInViewport();

  const list = page.getByLabel('Log of ticker');
  await expect
    .poll(() => list.evaluate((each) => each.scrollHeight - each.clientHeight))
    .toBeGreaterThan(300);
  await list.hover();
  await page.mouse.wheel(0, -200);
  const latest = page.getByRole('button', { name: 'Latest' });
  await expect(latest).toBeVisible();
  const read = await list.evaluate((each) => each.scrollTop);
  await page.waitForTimeout(1500);
  expect(await list.evaluate((each) => each.scrollTop)).toBe(read);
  await latest.click();
  await expect(latest).toBeHidden();

  await page.getByRole('button', { name: 'Pause' }).click();
  const held = await numbers(page);
  await expect(
    page.getByRole('button', { name: /^Resume, [3-9]\d* new|^Resume, \d{2,} new/ }),
  ).toBeVisible();
  expect(await numbers(page)).toEqual(held);
  await page.getByRole('button', { name: /^Resume/ }).click();

  await page.getByText('Errors', { exact: true }).click();
  await expect(page.locator('[data-stream="stderr"]').first()).toBeVisible();
  await expect(page.locator('[data-stream="stdout"]')).toHaveCount(0);
  await page.getByText('All', { exact: true }).click();
  await page.getByLabel('Search the log').fill('warn');
  await expect(page.locator('mark').first()).toHaveText('warn');
  await expect(page.locator('[data-stream="stdout"]')).toHaveCount(0);

  await page.getByRole('tab', { name: 'Restarts' }).click();
  await expect(page.getByText('unit.started').first()).toBeVisible();
});

test('a run is watched while it works', async ({ orkestra }) => {
  await page.goto(at('/runs'));
  orkestra.hold();
  await startRun(page, orkestra.target);
  await expect(page.getByTestId('run-text').first()).toContainText('I will look at the folder');
  const call = page.getByTestId('tool-call');
  await expect(call).toContainText('ls -la');
  await expect(call).toHaveAttribute('data-state', 'working');
  await expect(page.getByRole('main').getByTestId('state')).toHaveText('Running');
  orkestra.release();
  await expect(call).toHaveAttribute('data-state', 'done');
  await expect(call).toHaveCount(1);
  await call.getByRole('button').click();
  await expect(call).toContainText('README.md from the test');
  await expect(page.getByRole('main').getByTestId('state')).toHaveText('Verified');
  await expect(page.getByText('All of it is done.').first()).toBeVisible();
});

test('the journal moves, filters, explains and verifies', async () => {
  await page.goto(at('/journal'));
  await expect(page.getByTestId('audit')).toHaveAttribute('data-ok', 'true');
  const top = page.locator('[data-seq]').first();
  const before = Number(await top.getAttribute('data-seq'));
  const answer = await page.request.post(at('/api/v1/units/sleeper/restart'), {
    headers: { origin: new URL(page.url()).origin },
  });
  expect(answer.ok()).toBe(true);
  await expect.poll(async () => Number(await top.getAttribute('data-seq'))).toBeGreaterThan(before);

  await page.getByRole('button', { name: 'run', exact: true }).click();
  await expect(top).toHaveAttribute('data-kind', /^run\./);
  await page.getByRole('button', { name: 'run', exact: true }).click();
  await page.getByLabel('Filter by kind or subject').fill('unit.started');
  await page.keyboard.press('Enter');
  await expect(top).toHaveAttribute('data-kind', 'unit.started');
  await top.click();
  const drawer = page.getByRole('dialog');
  await expect(drawer.getByRole('region', { name: 'Causes and effects' })).toContainText(
    'unit.started',
  );
  await expect(drawer.getByRole('region', { name: 'Raw event' })).toContainText('{');
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await page.getByRole('button', { name: /remove this filter/ }).click();
  await page.getByTestId('audit').click();
  await expect(page.getByTestId('audit')).toContainText('Verified');
});

test('acceptance_11: log in by URL, stop and start a unit, follow its log, watch a run, see the journal move', async ({
  browser,
  orkestra,
}) => {
  const person = await browser.newContext();
  const tab = await person.newPage();
  await tab.goto(orkestra.another());
  await expectLive(tab);

  await tab.getByRole('link', { name: 'Units' }).click();
  await tab.getByRole('link', { name: 'ticker' }).click();
  await expect(tab.getByRole('heading', { name: 'ticker' })).toBeVisible();
  const pill = state(tab.getByRole('main'));
  await expect(pill).toHaveText('Running');
  await tab.getByRole('button', { name: 'Stop' }).click();
  await expect(pill).toHaveText('Stopped');
  await tab.getByRole('button', { name: 'Start' }).click();
  await expect(pill).toHaveText('Running');
  await expect(ticks(tab).last()).toBeVisible();
  const newest = async () => Math.max(...(await numbers(tab)));
  const before = await newest();
  await expect.poll(newest).toBeGreaterThan(before + 5);

  await tab.getByRole('link', { name: 'Runs', exact: true }).click();
  orkestra.hold();
  await startRun(tab, orkestra.target);
  const call = tab.getByTestId('tool-call');
  await expect(call).toHaveAttribute('data-state', 'working');
  orkestra.release();
  await expect(call).toHaveAttribute('data-state', 'done');
  await expect(pill).toHaveText('Verified');

  await tab.getByRole('link', { name: 'Journal', exact: true }).click();
  const top = tab.locator('[data-seq]').first();
  const head = Number(await top.getAttribute('data-seq'));
  await page.goto(at('/units'));
  await page.getByRole('button', { name: 'Restart sleeper' }).click();
  const asked = tab.locator('[data-kind="unit.restart_requested"]').first();
  await expect.poll(async () => Number(await asked.getAttribute('data-seq'))).toBeGreaterThan(head);
  await expect(asked).toContainText('sleeper');
  await person.close();
});

test('acceptance_10: sparklines move, a job is run now, an alert appears and is settled', async () => {
  test.setTimeout(120_000);
  await page.goto(at('/units/busy'));
  await expect(page.getByTestId('probe-ready')).toHaveText('Ready');
  await expect(page.getByTestId('probe-live')).toHaveText('Live');
  const cpu = page.getByRole('img', { name: /^CPU now/ });
  const memory = page.getByRole('img', { name: /^Memory now .* limit 100 MB$/ });
  await expect(memory.locator('[data-line]')).toHaveCount(1);
  // The line has as many corners as there were samples: it moves without any doing.
  const corners = async () =>
    ((await cpu.locator('[data-line]').first().getAttribute('d')) ?? '').split('L').length;
  const before = await corners();
  await expect.poll(corners, { timeout: 30_000 }).toBeGreaterThan(before + 1);
  await expect(cpu).toHaveAttribute('aria-label', /at most [\d.]+ % in 5 min/);

  await page.getByRole('tab', { name: 'Checks' }).click();
  const answers = page.getByRole('region', { name: 'Liveness' }).getByTestId('answer');
  const newest = () => answers.last().getAttribute('aria-label');
  const answered = await newest();
  await expect.poll(newest).not.toBe(answered);
  await answers.last().hover();
  await expect(page.getByRole('tooltip')).toContainText('Passed at');
  await page.getByRole('tab', { name: 'Restarts' }).click();
  await expect(page.getByTestId('last-hour')).toHaveAttribute('aria-label', /1 start$/);

  await page.goto(at('/units?view=order'));
  const level = (unit: string) => row(unit).getAttribute('data-level');
  await expect(row('busy')).toBeVisible();
  expect([await level('sleeper'), await level('busy'), await level('quitter')]).toEqual([
    '0',
    '1',
    '2',
  ]);
  await expect(row('quitter')).toContainText('starts after busy (ready)');

  const job = (name: string) => page.locator(`li[data-job="${name}"]`);
  await page.goto(at('/jobs'));
  await expect(job('hello')).toContainText('never ran');
  await page.getByRole('button', { name: 'Run hello now' }).click();
  await expect(job('hello')).toContainText('Succeeded');
  await page.getByRole('link', { name: 'hello', exact: true }).click();
  const past = page.getByRole('list', { name: 'Runs of the job' }).getByRole('listitem');
  await expect(past).toHaveCount(1);
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByRole('button', { name: 'Run anyway' }).click();
  await expect(past).toHaveCount(2);
  await expect(past.first()).toContainText('Succeeded');
  await page.getByRole('tab', { name: 'Log' }).click();
  await expect(page.getByTestId('log-line').last()).toContainText('hello from the job');
  const pill = state(page.getByRole('main')).first();
  await page.getByRole('button', { name: 'Disable' }).click();
  await expect(pill).toHaveText('Disabled');
  await page.getByRole('button', { name: 'Enable' }).click();
  await expect(pill).toHaveText('Waiting');

  // A unit gives up: it is on Home as what it is, and among the alerts.
  await page.goto(at('/units/quitter'));
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(state(page.getByRole('main')).first()).toHaveText('Failed');
  await page.getByRole('link', { name: 'Health', exact: true }).click();
  await expect(page.locator('[data-check="disk"]')).toBeVisible();
  const alert = page.locator('[data-alert="unit_failed"][data-subject="quitter"]');
  await expect(alert).toContainText('Critical');
  await alert.getByRole('button', { name: 'Settle' }).click();
  await expect(alert).toHaveCount(0);
  await page.getByText('All', { exact: true }).click();
  await expect(alert).toContainText('Settled');
  await page.getByRole('button', { name: 'Check now' }).click();
  await expect(page.locator('[data-check="integrity"]')).toContainText('Well');

  // A job fails three times: that needs you, until you say that you have seen to it.
  for (let run = 1; run <= 3; run += 1) {
    const answer = await page.request.post(at('/api/v1/jobs/broken/run'), {
      headers: { origin: new URL(page.url()).origin },
      data: { force: true },
    });
    expect(answer.ok()).toBe(true);
    await expect
      .poll(async () => {
        const job = await (await page.request.get(at('/api/v1/jobs/broken'))).json();
        return (job as { failures: number }).failures;
      })
      .toBe(run);
  }
  await page.getByRole('link', { name: /^Home/ }).click();
  const need = page.locator('[data-need="alert"]').filter({ hasText: 'broken' });
  await expect(need).toBeVisible();
  await need.getByRole('button', { name: 'Settle' }).click();
  await expect(need).toHaveCount(0);
});

test('acceptance_12: start a run, watch it, approve with the keyboard, read the diff, see the cost', async ({
  orkestra,
}) => {
  test.setTimeout(120_000);
  await page.goto(at('/runs'));
  await startRun(page, orkestra.target, 'asker');
  await expect(page.getByTestId('run-text').first()).toContainText('I will write the notes');
  const call = page.getByTestId('tool-call');
  await expect(call).toHaveAttribute('data-state', 'working');
  const card = page.locator('[data-approval]');
  await expect(card.getByTestId('approval-text')).toContainText('git push origin main');
  const run = page.url();

  // It stands first at home, whole, and one key answers it.
  await page.goto(at('/'));
  const needs = page.getByRole('region', { name: 'Needs you' });
  await expect(needs.locator('[data-approval]')).toContainText('git push origin main');
  await page.screenshot({ path: 'e2e/screenshots/approval-home.png' });
  await page.keyboard.press('a');
  await expect(needs.locator('[data-approval]')).toHaveCount(0);

  await page.goto(run);
  await expect(call).toHaveAttribute('data-state', 'done');
  await expect(state(page.getByRole('main'))).toHaveText('Verified');
  await page.getByText(/^Changes/).click();
  const diff = page.getByTestId('diff');
  await expect(diff.getByRole('region', { name: 'notes.txt' })).toContainText(
    'The notes of this run.',
  );
  await page.screenshot({ path: 'e2e/screenshots/run-changes.png' });
  await page.getByText(/^Checks/).click();
  await expect(page.getByTestId('evidence').locator('[data-passed="true"]').first()).toBeVisible();
  await expect(page.getByRole('region', { name: 'Cost' })).toContainText('$0.042');
  await page.screenshot({ path: 'e2e/screenshots/run-checks.png' });

  await page.goto(at('/money'));
  await expect(page.getByRole('list', { name: 'Spent' })).toContainText('$0.042');
  await page.goto(at('/agents'));
  await expect(page.locator('[data-agent="asker"]')).toContainText('1');
  await page.goto(at('/approvals'));
  await expect(page.getByRole('list', { name: 'Answered' })).toContainText('git push origin main');
});

const places: [string, string, (target: Page) => Locator][] = [
  ['home', '/', (target) => target.getByRole('region', { name: 'Needs you' })],
  ['units', '/units', (target) => target.locator('[data-row]').first()],
  ['unit', '/units/ticker', (target) => ticks(target).last()],
  ['order', '/units?view=order', (target) => target.locator('[data-level]').first()],
  ['unit-usage', '/units/busy', (target) => target.getByRole('img', { name: /^CPU now/ })],
  ['jobs', '/jobs', (target) => target.locator('[data-row]').first()],
  ['job', '/jobs/broken', (target) => target.locator('[data-run]').first()],
  ['health', '/upkeep', (target) => target.locator('[data-check]').first()],
  ['runs', '/runs', (target) => target.locator('[data-row]').first()],
  ['approvals', '/approvals', (target) => target.getByRole('list', { name: 'Answered' })],
  ['agents', '/agents', (target) => target.locator('[data-agent]').first()],
  ['money', '/money', (target) => target.getByRole('list', { name: 'Spent' })],
  ['new-run', '/runs?new', (target) => target.getByRole('dialog')],
  ['journal', '/journal', (target) => target.locator('[data-row]').first()],
];

for (const look of ['light', 'dark', 'phone'] as const) {
  test(`every page is accessible and fits: ${look}`, async ({ browser }) => {
    test.setTimeout(180_000);
    const other = await browser.newContext({
      storageState: await context.storageState(),
      colorScheme: look === 'dark' ? 'dark' : 'light',
      reducedMotion: 'reduce',
      viewport: look === 'phone' ? { width: 360, height: 740 } : { width: 1280, height: 800 },
    });
    const target = await other.newPage();
    const check = (name: string) => fits(target, `${name}-${look}`);
    for (const [name, path, ready] of places) {
      await target.goto(at(path));
      await expect(ready(target)).toBeVisible();
      await expectLive(target);
      await check(name);
    }
    await target.locator('[data-row]').first().click();
    await expect(target.getByRole('region', { name: 'Raw event' })).toBeVisible();
    await check('event');
    await target.goto(at('/units/busy'));
    await target.getByRole('tab', { name: 'Checks' }).click();
    await expect(target.getByTestId('answer').first()).toBeVisible();
    await check('checks');
    await target.getByRole('tab', { name: 'Settings' }).click();
    await target.getByText('Instance', { exact: true }).scrollIntoViewIfNeeded();
    await expect(target.getByText('Instance', { exact: true })).toBeInViewport();
    await check('settings');
    await target.goto(at('/units/quitter'));
    await target.getByRole('tab', { name: 'Restarts' }).click();
    await expect(target.getByTestId('last-hour')).toBeVisible();
    await check('restarts');
    await target.goto(at('/upkeep'));
    await target.getByText('All', { exact: true }).click();
    await expect(target.locator('[data-alert]').first()).toBeVisible();
    await check('alerts');
    await target.goto(at('/runs'));
    await target.locator('[data-row]').first().click();
    await expect(target.getByTestId('run-text').first()).toBeVisible();
    await check('run');
    await other.clearCookies();
    await target.goto(at('/login'));
    await expect(target.getByRole('button', { name: 'Log in' })).toBeVisible();
    await check('login');
    await other.close();
  });
}

test('after a restart of the daemon the log goes on, each line once', async ({ orkestra }) => {
  test.setTimeout(120_000);
  await page.goto(at('/units/ticker'));
  await expect(ticks(page).last()).toBeVisible();
  await expectLive(page);
  await page.evaluate(() => {
    document.body.dataset.same = 'yes';
  });
  const { port } = orkestra;
  await orkestra.down();
  await expect(page.getByTestId('connection')).not.toHaveAttribute('data-state', 'live');
  const before = Math.max(...(await numbers(page)));
  await orkestra.up(port);
  await expectLive(page);
  await expect(page.getByRole('main').getByTestId('state')).toHaveText('Running');
  await expect.poll(async () => Math.max(...(await numbers(page)))).toBeGreaterThan(before + 5);
  expect(await page.evaluate(() => document.body.dataset.same)).toBe('yes');

  // The list draws only what is seen: a tall page sees enough to compare it with the log itself.
  await page.setViewportSize({ width: 1280, height: 6000 });
  await expect.poll(async () => (await numbers(page)).length).toBeGreaterThan(20);
  await page.getByRole('button', { name: 'Pause' }).click();
  const seen = await numbers(page);
  const answer = await page.request.get(at('/api/v1/units/ticker/logs?tail=5000'));
  const { lines } = (await answer.json()) as { lines: { text: string }[] };
  const written = lines.flatMap(({ text }) => {
    const tick = /^tick (\d+)$/.exec(text);
    return tick ? [Number(tick[1])] : [];
  });
  const from = written.indexOf(seen[0] ?? -1);
  expect(seen, 'every line once, in order, none missing').toEqual(
    written.slice(from, from + seen.length),
  );
  expect(seen[0]).toBeLessThan(before);

  // The login outlives the daemon, too.
  await page.reload();
  await expectLive(page);
  await expect(page.getByRole('main').getByTestId('state')).toHaveText('Running');
});
