import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, rowOf, untilStatus } from '../support/requests.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import {
  hasBrowser,
  openTestPage,
  type ServedTestDashboard,
  serveTestDashboard,
  type TestPage,
} from './open-browser.ts';
import { createScene, type Scene } from './scene.ts';

let scene: Scene;
let dashboard: ServedTestDashboard;
beforeAll(async () => {
  if (!hasBrowser) return;
  scene = await createScene();
  dashboard = await serveTestDashboard(scene.db);
}, 60_000);
afterAll(async () => {
  await dashboard?.[Symbol.asyncDispose]();
  await scene?.[Symbol.asyncDispose]();
});

/** A model that no worker serves: what is queued for it stays as it is. */
let model: string;
beforeEach(() => {
  model = `unserved ${crypto.randomUUID().slice(0, 8)}`;
});

const queue = (count: number) =>
  embed(
    scene.db.pool,
    Array.from({ length: count }, (_, at) => `text ${at}`),
    { model },
  );

async function queueFailed(count: number): Promise<readonly string[]> {
  const ids = await queue(count);
  const worker = await startSqlWorker(scene.db.pool, { functions: ['embed'], model });
  await worker.finish(await worker.claim(), { kind: 'failed', error: 'it failed' });
  await scene.db.pool.query('delete from lamplighter.worker where worker_id = $1', [worker.workerId]);
  return ids;
}

async function withPage(path: string, act: (page: Page) => Promise<void>, at = dashboard): Promise<void> {
  await using opened: TestPage = await openTestPage(at, path);
  await act(opened.page);
  expect(opened.troubles).toEqual([]);
}

const button = (page: Page, name: string | RegExp) => page.getByRole('main').getByRole('button', { name });

describe.runIf(hasBrowser)('one request', () => {
  test('is retried, is cancelled by a key and deleted after a question, and shows each new state', async () => {
    const [id = ''] = await queueFailed(1);
    await withPage(`requests/${id}`, async (page) => {
      const status = page.locator('.page-head .state-word');
      await button(page, 'Retry').click();
      await status.getByText('pending').waitFor();
      await untilStatus(scene.db.pool, [id], 'pending');
      await button(page, 'Cancel').waitFor();
      await page.keyboard.press('c');
      await status.getByText('cancelled').waitFor();
      await untilStatus(scene.db.pool, [id], 'cancelled');
      await button(page, 'Delete').waitFor();
      await page.keyboard.press('d');
      await page.getByRole('dialog').getByText('This cannot be undone').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await rowOf(scene.db.pool, id);
      await page.keyboard.press('d');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 request' }).click();
      await page.getByRole('heading', { name: 'Requests' }).waitFor();
      await expect(rowOf(scene.db.pool, id)).rejects.toThrow('there is no request');
    });
  });
});

describe.runIf(hasBrowser)('a selection', () => {
  test('is acted on as a whole, and what cannot be is told', async () => {
    const [first = '', second = ''] = await queue(2);
    await withPage(`requests?model=${encodeURIComponent(model)}`, async (page) => {
      await page.getByLabel('Select all rows of this page').check();
      const selection = page.getByLabel('Selection', { exact: true });
      await selection.getByText('2 requests selected').waitFor();
      await scene.db.pool.query('select public.steadytext_cancel_async($1)', [first]);
      await selection.getByRole('button', { name: 'Cancel' }).click();
      await page.getByText('1 request cancelled, 1 left.').waitFor();
      await page.getByText(`${first}: it has ended`).waitFor();
      await untilStatus(scene.db.pool, [first, second], 'cancelled');
    });
  });
});

describe.runIf(hasBrowser)('all that match', () => {
  test('are counted, shown by ten samples, retried and accounted for', async () => {
    const ids = await queueFailed(14);
    await withPage(`requests?status=failed&model=${encodeURIComponent(model)}`, async (page) => {
      await page.getByRole('button', { name: 'All that match' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('radio', { name: /^Retry/ }).check();
      await dialog.getByText('14 requests match and can be retried').waitFor();
      expect(await dialog.locator('.sample').count()).toBe(10);
      await dialog.getByRole('button', { name: 'Retry 14 requests' }).click();
      await dialog.getByText('14 of 14 retried').waitFor();
      await untilStatus(scene.db.pool, ids, 'pending');
      await dialog.getByRole('button', { name: 'Close' }).last().click();
    });
    await withPage('operations', async (page) => {
      await page.getByRole('row', { name: new RegExp(`retry requests.*${model}`) }).waitFor();
    });
    await withPage('audit', async (page) => {
      await page.getByRole('row', { name: new RegExp(`end retry of all requests.*${model}.*14`) }).waitFor();
    });
  });

  test('without a filter need words to be typed', async () => {
    await withPage('requests', async (page) => {
      await page.keyboard.press('a');
      const dialog = page.getByRole('dialog');
      await dialog.getByText('No filter: this concerns all requests.').waitFor();
      await dialog.getByRole('radio', { name: /^Delete/ }).check();
      const start = dialog.getByRole('button', { name: /^Delete \d+ request/ });
      await start.waitFor();
      expect(await start.isDisabled()).toBe(true);
      const words = (await dialog.locator('label .mono').textContent()) ?? '';
      await dialog.getByRole('textbox').fill(`${words} `);
      expect(await start.isDisabled()).toBe(false);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    });
  });

  test('are stopped on the way', async () => {
    const ids = await queue(3);
    const client = await scene.db.pool.connect();
    try {
      // What is locked is tried again and again, for long enough to be stopped.
      await client.query('begin');
      await client.query('select from public.steadytext_queue where request_id = any($1) for update', [ids]);
      await withPage(`requests?model=${encodeURIComponent(model)}`, async (page) => {
        await page.getByRole('button', { name: 'All that match' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('radio', { name: /^Cancel/ }).check();
        await dialog.getByRole('button', { name: 'Cancel 3 requests' }).click();
        await dialog.getByRole('button', { name: 'Stop' }).click();
        await dialog.locator('.state-word').getByText('stopped').waitFor();
        await dialog.getByText('0 of 3 cancelled').waitFor();
      });
    } finally {
      await client.query('rollback');
      client.release();
    }
    await untilStatus(scene.db.pool, ids, 'pending');
  });
});

describe.runIf(hasBrowser)('tasks, jobs and functions', () => {
  test('a task that runs is cancelled', async () => {
    await withPage(`tasks/${scene.tasks.running}`, async (page) => {
      await button(page, 'Cancel').click();
      await page.locator('.page-head .state-word').getByText('canceled').waitFor();
    });
  });

  test('a row that failed is tried again, alone and with all others', async () => {
    const attempts = () =>
      firstValue<string>(scene.db.pool, 'select sum(failed)::text from lamplighter.embedding_status');
    await withPage('jobs/1', async (page) => {
      await page.getByRole('button', { name: /^Retry .*key / }).click();
      await page.getByText('1 row queued again.').waitFor();
      await eventually(async () => expect(await attempts()).toBe('1'));
      await button(page, 'Retry all that failed').click();
      await page.getByText('1 row queued again.').nth(1).waitFor();
    });
  });

  test('a function is paused and resumed', async () => {
    const isPaused = () =>
      firstValue<boolean>(
        scene.db.pool,
        `select exists (select from lamplighter.list_pauses() as p where p.function_name = 'rerank')`,
      ).catch(() => undefined);
    await withPage('settings', async (page) => {
      await page.getByRole('button', { name: 'Pause rerank', exact: true }).click();
      await page.getByRole('button', { name: 'Resume rerank', exact: true }).waitFor();
      expect(await isPaused()).not.toBe(false);
      await page.getByRole('button', { name: 'Resume rerank', exact: true }).click();
      await page.getByRole('button', { name: 'Pause rerank', exact: true }).waitFor();
    });
  });
});

describe.runIf(hasBrowser)('without the right', () => {
  const PATHS = () => [
    'requests',
    `requests/${scene.requests.failed}`,
    `tasks/${scene.tasks.failed}`,
    'jobs/1',
    'settings',
  ];
  const BUTTONS = /^(Retry|Cancel|Delete|Pause|Resume|All that match)/;

  test.each([
    ['whoever only views', { authorise: () => ({ rights: { view: true } }) }],
    ['a dashboard that only reads', { isReadOnly: true }],
  ])('%s has no button for it', async (_who, options) => {
    await using viewed = await serveTestDashboard(scene.db, options);
    await using opened = await openTestPage(viewed, '');
    const { page, troubles } = opened;
    for (const path of PATHS()) {
      await page.goto(`${viewed.url}${path}`);
      await page.locator('.card .state, .card .text, .card dl').first().waitFor();
      expect(await button(page, BUTTONS).count()).toBe(0);
    }
    expect(troubles).toEqual([]);
  });

  test('to see payloads, neither parameters nor results are there', async () => {
    await using viewed = await serveTestDashboard(scene.db, { authorise: () => ({ rights: { view: true } }) });
    await withPage(
      `requests/${scene.requests.completed}`,
      async (page) => {
        await page.getByText('Only those with the right to see payloads can see it.').first().waitFor();
        expect(await page.locator('pre').count()).toBe(0);
      },
      viewed,
    );
  });
});
