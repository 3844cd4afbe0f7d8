/** Work divided among agents, as a person watches and steers it, against the real daemon. */
import type { BrowserContext, Locator, Page } from '@playwright/test';
import { fits } from './fits';
import { expect, expectLive, type Orkestra, test } from './orkestra';

test.describe.configure({ mode: 'serial' });

/** A session takes many steps, on a machine that may be busy. */
const LONG = { timeout: 60_000 };

let context: BrowserContext;
let page: Page;
/** The session that the first test begins; later ones look at it. */
let session = '';
let vote = '';

// `link` starts the daemon; the link itself may have been used by another file.
test.beforeAll(async ({ browser, orkestra, link }) => {
  expect(link).toContain('#login=');
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(orkestra.another());
  await expectLive(page);
});

test.afterAll(async () => {
  await context?.close();
});

const at = (path: string) => new URL(path, page.url()).href;
const head = (target: Page) => target.getByRole('main').getByTestId('state').first();
const column = (word: string) => page.getByRole('region', { name: word, exact: true });
const card = (within: Locator, title: string) => within.getByRole('article', { name: title });

async function begin(orkestra: Orkestra, goal: string): Promise<string> {
  await page.goto(at('/sessions'));
  await page.getByRole('button', { name: 'New session' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What should be reached?').fill(goal);
  await dialog.getByRole('combobox', { name: 'Agents' }).click();
  for (const agent of ['ann', 'bob', 'cy']) {
    await page.getByRole('option', { name: agent, exact: true }).click();
  }
  await page.keyboard.press('Escape');
  await dialog.getByLabel('Folder').fill(orkestra.target);
  await dialog.getByRole('button', { name: 'Start the session' }).click();
  await expect(page).toHaveURL(/\/sessions\/[0-9a-f-]+$/);
  return page.url().split('/').at(-1) ?? '';
}

async function send(path: string, data: unknown): Promise<Record<string, unknown>> {
  const answer = await page.request.post(at(path), {
    headers: { origin: new URL(page.url()).origin },
    data,
  });
  expect(answer.ok(), await answer.text()).toBe(true);
  return (await answer.json()) as Record<string, unknown>;
}

test('row_081_the_dashboard_shows_a_session_change_and_pause_is_pressed_and_seen', async ({
  orkestra,
}) => {
  test.setTimeout(400_000);
  orkestra.keep('plan', true);
  orkestra.keep('work', true);
  session = await begin(orkestra, 'Build a house');
  await expect(head(page)).toHaveText('Planning', LONG);
  await page.evaluate(() => {
    document.body.dataset.same = 'yes';
  });
  orkestra.keep('plan', false);
  // The state changes under your eyes, and ann's card says that she works.
  await expect(head(page)).toHaveText('Working', LONG);
  const ann = page.locator('li[data-agent="ann"]');
  await expect(ann.getByTestId('badge')).toHaveText('Working', LONG);
  await expect(page.getByTestId('task-graph').locator('[data-task]')).toHaveCount(3);

  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(head(page)).toHaveText('Paused', LONG);
  await expect(ann.getByTestId('badge')).toHaveText('Paused', LONG);
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(head(page)).toHaveText('Working', LONG);
  await expect(ann.getByTestId('badge')).toHaveText('Working', LONG);

  await page.getByText('Plan 3', { exact: true }).click();
  await expect(page.getByRole('region', { name: 'Foundation' })).toContainText('The ground');
  await page.getByText('Log', { exact: true }).click();
  await expect(page.getByRole('region', { name: 'Events' })).toContainText('ann', LONG);
  expect(await page.evaluate(() => document.body.dataset.same)).toBe('yes');
});

test('a task is moved on the board, and what cannot be is said in a sentence', async ({
  orkestra,
}) => {
  const task = await send('/api/v1/tasks', {
    title: 'Paint the door',
    prompt: 'DO write door.txt red',
    target: orkestra.target,
    backlog: true,
    agent: 'cy',
  });
  await page.goto(at('/board'));
  await expectLive(page);
  const door = card(page.getByTestId('board'), 'Paint the door');
  await expect(card(column('Backlog'), 'Paint the door')).toBeVisible();
  // Only work verifies.
  await door.dragTo(column('Verified'));
  await expect(page.getByText('Only its checks and reviews can verify a task.')).toBeVisible();
  await expect(card(column('Backlog'), 'Paint the door')).toBeVisible();
  // By the menu, with keys alone.
  await page.getByRole('button', { name: 'What to do with Paint the door' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Cancel the task' }).click();
  await expect(card(column('Refuted'), 'Paint the door')).toBeVisible();
  await door.click();
  await expect(page).toHaveURL(at(`/tasks/${task.id}`));
  await expect(head(page)).toHaveText('Cancelled');
});

test('acceptance_5_10: watch the session live on the board, open the vote, pause and resume', async ({
  orkestra,
}) => {
  test.setTimeout(400_000);
  await page.goto(at(`/board?session=${session}`));
  await expectLive(page);
  await expect(card(column('Running'), 'The ground')).toBeVisible(LONG);
  await expect(card(column('Backlog'), 'The walls')).toContainText('Waiting');
  await page.evaluate(() => {
    document.body.dataset.same = 'yes';
  });

  const made = await send('/api/v1/votes', {
    question: 'Which colour shall the door have?',
    options: [
      { id: 'red', text: 'Red' },
      { id: 'blue', text: 'Blue' },
    ],
    voters: [{ name: 'you', kind: 'person' }],
    session,
  });
  vote = String(made.id);
  await page.getByRole('link', { name: 'Decisions' }).click();
  await page.getByRole('link', { name: 'Which colour shall the door have?' }).click();
  await expect(head(page)).toHaveText('Open');
  const form = page.getByTestId('cast');
  await form.getByLabel('Red').check();
  await form.getByLabel('Why').fill('It is seen from far.');
  await form.getByRole('button', { name: 'Cast the ballot' }).click();
  await expect(head(page)).toHaveText('Decided', LONG);
  await expect(page.locator('[data-option="red"]')).toHaveAttribute('data-winner', 'true');
  await expect(page.getByRole('list', { name: 'Ballots' })).toContainText('It is seen from far.');
  await expect(page.getByTestId('replay')).toHaveText('Replayed: the same', LONG);
  await page.getByRole('button', { name: 'Right', exact: true }).click();
  await expect(page.getByText('says it was right')).toBeVisible();

  await page.getByRole('link', { name: 'Its session' }).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(head(page)).toHaveText('Paused', LONG);
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(head(page)).toHaveText('Working', LONG);

  // The cards go their way without reload.
  await page.getByRole('link', { name: 'Its tasks on the board' }).click();
  await expect(card(column('Running'), 'The ground')).toBeVisible(LONG);
  orkestra.keep('work', false);
  await expect(card(column('Verified'), 'The ground')).toBeVisible(LONG);
  await expect(card(column('Verified'), 'The walls')).toBeVisible(LONG);
  await expect(card(column('Verified'), 'The garden')).toBeVisible(LONG);
  expect(await page.evaluate(() => document.body.dataset.same)).toBe('yes');
  await page.goto(at(`/sessions/${session}`));
  await expect(head(page)).toHaveText(/Verified|Asks you/, LONG);
});

for (const look of ['light', 'dark', 'phone'] as const) {
  test(`every page of the work is accessible and fits: ${look}`, async ({ browser }) => {
    test.setTimeout(240_000);
    const other = await browser.newContext({
      storageState: await context.storageState(),
      colorScheme: look === 'dark' ? 'dark' : 'light',
      reducedMotion: 'reduce',
      viewport: look === 'phone' ? { width: 360, height: 740 } : { width: 1280, height: 800 },
    });
    const target = await other.newPage();
    const answer = await page.request.get(at(`/api/v1/sessions/${session}`));
    const { tasks } = (await answer.json()) as { tasks: { id: string }[] };
    const main = target.getByRole('main');
    const band = (name: string) => main.getByRole('region', { name, exact: true });
    const task = tasks[0]?.id ?? '';
    const places: [string, string, Locator][] = [
      ['board', '/board', target.getByRole('article', { name: 'The ground' })],
      ['graph', `/board?view=graph&session=${session}`, target.getByTestId('task-graph')],
      ['new-task', '/board?new=task', target.getByRole('dialog')],
      ['task', `/tasks/${task}`, band('What is asked')],
      ['task-checks', `/tasks/${task}?tab=checks`, band('Before the work')],
      ['task-why', `/tasks/${task}?tab=why`, band('Who got it')],
      ['task-history', `/tasks/${task}?tab=history`, main.getByText('task.created')],
      ['sessions', '/sessions', main.locator('[data-row]').first()],
      ['new-session', '/sessions?new', target.getByRole('dialog')],
      ['session', `/sessions/${session}`, band('Agents')],
      ['session-plan', `/sessions/${session}?tab=plan`, band('Foundation')],
      ['session-decisions', `/sessions/${session}?tab=decisions`, band('Reviews')],
      ['session-log', `/sessions/${session}?tab=log`, band('Events')],
      ['decisions', '/decisions', main.locator('[data-vote]').first()],
      ['reviews', '/decisions?tab=reviews', main.locator('[data-review]').first()],
      ['vote', `/votes/${vote}`, band('Options')],
    ];
    for (const [name, path, ready] of places) {
      await target.goto(at(path));
      await expect(ready).toBeVisible();
      await expectLive(target);
      await fits(target, `${name}-${look}`);
    }
    await other.close();
  });
}
