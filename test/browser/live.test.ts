import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed } from '../support/requests.ts';
import { hasBrowser, openTestPage, type ServedTestDashboard, serveTestDashboard } from './open-browser.ts';

let db: TestDatabase;
let dashboard: ServedTestDashboard;
beforeAll(async () => {
  if (!hasBrowser) return;
  db = await createTestDatabase();
  dashboard = await serveTestDashboard(db);
}, 60_000);
afterAll(async () => {
  await dashboard?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});

async function queueOne(): Promise<string> {
  const [id = ''] = await embed(db.pool, ['a text']);
  return id;
}

const connection = (page: Page, word: string) => page.locator('.connection').getByText(word, { exact: true });
const rowOf = (page: Page, id: string) => page.locator('tbody').getByTitle(id);

/** From the commit until the row is on screen. */
async function timeChange(page: Page): Promise<number> {
  const id = await queueOne();
  const beganMs = performance.now();
  await rowOf(page, id).waitFor();
  return performance.now() - beganMs;
}

/** What a browser does when another tab is shown. */
async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
    document.dispatchEvent(new Event('visibilitychange'));`);
}

describe.runIf(hasBrowser)('live', () => {
  test('a change is on screen within a second of its commit', async () => {
    await using opened = await openTestPage(dashboard, 'requests');
    const { page, troubles } = opened;
    await connection(page, 'Live').waitFor();
    const times: number[] = [];
    // The machine may be busy with other tests: the best of a few is what the dashboard needs itself.
    while (times.length < 5 && !times.some((ms) => ms < 1000)) times.push(await timeChange(page));
    expect(Math.min(...times)).toBeLessThan(1000);
    expect(troubles).toEqual([]);
  });

  test('where the stream is held back the page asks by itself', async () => {
    await using opened = await openTestPage(dashboard, '', { mayLoseServer: true });
    const { page } = opened;
    await page.route('**/api/events', (route) => route.abort());
    await page.goto(`${dashboard.url}requests`);
    await connection(page, 'Polling').waitFor();
    await rowOf(page, await queueOne()).waitFor();
  });

  test('a hidden page rests, and is up to date when it is seen again', async () => {
    await using opened = await openTestPage(dashboard, 'requests');
    const { page, troubles } = opened;
    await connection(page, 'Live').waitFor();
    await setHidden(page, true);
    await connection(page, 'Resting').waitFor();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const id = await queueOne();
    // Twice as long as a live page needs.
    await page.waitForTimeout(2000);
    expect(asked).toEqual([]);
    await setHidden(page, false);
    await rowOf(page, id).waitFor();
    await connection(page, 'Live').waitFor();
    expect(troubles).toEqual([]);
  });

  test('charts are read again, too, when a page is seen after long', async () => {
    await using opened = await openTestPage(dashboard, '');
    const { page, troubles } = opened;
    await page.clock.install();
    await page.goto(dashboard.url);
    await page.getByText('Throughput').waitFor();
    await connection(page, 'Live').waitFor();
    await setHidden(page, true);
    await page.clock.runFor(60_000);
    const asked = page.waitForRequest('**/api/series?*');
    await setHidden(page, false);
    await asked;
    expect(troubles).toEqual([]);
  });

  test('a server that is gone is told with since when, and forgotten when it is back', async () => {
    await using served = await serveTestDashboard(db);
    const known = await queueOne();
    await using opened = await openTestPage(served, 'requests', { mayLoseServer: true });
    const { page, troubles } = opened;
    await connection(page, 'Live').waitFor();
    // What is still being read would be told as well.
    await rowOf(page, known).waitFor();
    await served.hangUp();
    const alert = page.getByRole('alert').filter({ hasText: 'The dashboard’s server cannot be reached' });
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/since \d\d:\d\d:\d\d \(Europe\/Berlin\)/);
    expect(await rowOf(page, known).count()).toBe(1);
    await served.listen();
    const id = await queueOne();
    await connection(page, 'Live').waitFor();
    await rowOf(page, id).waitFor();
    expect(await alert.count()).toBe(0);
    expect(troubles).toEqual([]);
  });

  test('what could not be read is told, and read again on demand', async () => {
    await using opened = await openTestPage(dashboard, '');
    const { page } = opened;
    await page.route('**/api/workers', (route) =>
      route.fulfill({
        status: 500,
        json: { error: { code: 'UNEXPECTED', message: 'It went wrong.', hint: 'Look at the log.' } },
      }),
    );
    await page.goto(`${dashboard.url}workers`);
    const alert = page.getByRole('alert');
    await alert.getByText('It went wrong.').waitFor();
    await alert.getByText('Look at the log.').waitFor();
    await page.unroute('**/api/workers');
    await alert.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('No worker has been here').waitFor();
  });
});

describe.runIf(hasBrowser)('the way through the pages', () => {
  test('is gone by keyboard alone', async () => {
    const id = await queueOne();
    await using opened = await openTestPage(dashboard, '');
    const { page, troubles } = opened;
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).getByText('Next row').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await page.getByRole('heading', { name: 'Requests' }).waitFor();
    await rowOf(page, id).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.getByText('1 request selected').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: id }).waitFor();
    expect(troubles).toEqual([]);
  });

  test('keeps the filter in the address, which may be opened again and gone back from', async () => {
    const id = await queueOne();
    await queueOne();
    await using opened = await openTestPage(dashboard, 'requests');
    const { page, troubles } = opened;
    await rowOf(page, id).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type(id);
    await page.waitForURL(`**/requests?id=${id}`);
    await page.getByRole('row').nth(2).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'failed' }).click();
    await page.getByText('No request matches').waitFor();
    await page.reload();
    await page.getByText('No request matches').waitFor();
    expect(await page.getByRole('searchbox').inputValue()).toBe(id);
    await page.goBack();
    await rowOf(page, id).waitFor();
    expect(troubles).toEqual([]);
  });

  test('pages by a row, not by a number, and shows numbers beyond 2^53 digit by digit', async () => {
    await db.pool.query(`select setval(pg_get_serial_sequence('public.steadytext_queue', 'id'), 9007199254740992)`);
    const ids = await embed(
      db.pool,
      Array.from({ length: 60 }, (_, at) => `text ${at}`),
    );
    const [oldest = ''] = ids;
    await using opened = await openTestPage(dashboard, 'requests');
    const { page, troubles } = opened;
    await rowOf(page, ids.at(-1) ?? '').waitFor();
    expect(await rowOf(page, oldest).count()).toBe(0);
    await page.keyboard.press(']');
    await rowOf(page, oldest).click();
    await page.getByText('9007199254740993', { exact: true }).waitFor();
    expect(troubles).toEqual([]);
  });

  test('leads from a request to the page of its trace', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const { rows } = await db.pool.query<{ id: string }>(
      `select steadytext_embed_async(set_config('lamplighter.traceparent', $1, true))::text as id`,
      [`00-${traceId}-b7ad6b7169203331-01`],
    );
    await using traced = await serveTestDashboard(db, {
      traceUrl: 'https://traces.example.com/t/{trace_id}?q={trace_id}',
    });
    await using opened = await openTestPage(traced, `requests/${rows[0]?.id}`);
    const link = opened.page.getByRole('link', { name: traceId });
    expect(await link.getAttribute('href')).toBe(`https://traces.example.com/t/${traceId}?q=${traceId}`);
    expect(opened.troubles).toEqual([]);
  });

  test('works where it is mounted below another path', async () => {
    await using mounted = await serveTestDashboard(db, { basePath: '/ops/lamp' });
    await using opened = await openTestPage(mounted, 'requests');
    const { page, troubles } = opened;
    await page.getByRole('link', { name: /^Overview/ }).click();
    await page.getByText('Throughput').waitFor();
    expect(new URL(page.url()).pathname).toBe('/ops/lamp/');
    await connection(page, 'Live').waitFor();
    expect(troubles).toEqual([]);
  });
});
