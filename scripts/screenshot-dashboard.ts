/**
 * Takes the pictures of docs/dashboard.md: starts a server with the demo's data, a worker, a daemon and the dashboard, opens each page in
 * Chromium and writes docs/dashboard/<page>.webp. Fails for a picture that has grown beyond what a page of documentation should load.
 */
import { Buffer } from 'node:buffer';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { createDaemon } from '../src/daemon/create-daemon.ts';
import { ALL_RIGHTS } from '../src/dashboard/access.ts';
import { createDashboard } from '../src/dashboard/create-dashboard.ts';
import { toNodeListener } from '../src/dashboard/node-listener.ts';
import { connectClient } from '../src/db/connection/connect-client.ts';
import { resolveConnection } from '../src/db/connection/connection-settings.ts';
import { startEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { migrate } from '../src/db/migrate/migrate.ts';
import { createWorker } from '../src/worker/create-worker.ts';
import { type Ask, addJobs, measurePast, queueLongTasks, queueRequests, queueTasks } from './dashboard-scene.ts';

const FOLDER = fileURLToPath(new URL('../docs/dashboard/', import.meta.url));
const MAX_BYTES = 150_000;
const WIDE = { width: 1280, height: 800 };
const PORT = 4610;

interface Shot {
  readonly name: string;
  readonly path: string;
  readonly context?: BrowserContextOptions;
  readonly act?: (page: Page) => Promise<void>;
}

async function openDialog(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'All that match' }).click();
  await page.getByRole('radio', { name: /^Retry/ }).check();
  await page.locator('.sample').first().waitFor();
}

const server = await startEmbeddedServer({ persistent: false, settings: { fsync: 'off' } });
const pool = new pg.Pool({ connectionString: server.uri, max: 8 });
pool.on('error', () => undefined);
const ask: Ask = async (text, params = []) => (await pool.query(text, [...params])).rows;
const holder = new pg.Client({ connectionString: server.uri });
const hold: Ask = async (text) => (await holder.query(text)).rows;

async function firstOf(text: string): Promise<string> {
  const [row] = await ask(text);
  return String(row === undefined ? '' : Object.values(row)[0]);
}

async function until(question: string): Promise<void> {
  for (let look = 0; look < 600; look += 1) {
    if ((await firstOf(question)) === 'true') return;
    await delay(100);
  }
  throw new Error(`it did not come to: ${question}`);
}

async function listShots(): Promise<readonly Shot[]> {
  const failed = await firstOf(`select request_id from steadytext_queue where status = 'failed' limit 1`);
  const job = await firstOf(`select job from lamplighter.embedding_status where table_name = 'product'`);
  const task = await firstOf(`select jobid from lantern.task_status where state = 'failed'`);
  return [
    { name: 'jobs', path: 'jobs' },
    { name: 'job', path: `jobs/${job}` },
    { name: 'overview', path: '' },
    { name: 'overview-dark', path: '', context: { colorScheme: 'dark' } },
    { name: 'overview-phone', path: '', context: { viewport: { width: 360, height: 720 } } },
    { name: 'requests', path: 'requests' },
    { name: 'request', path: `requests/${failed}` },
    { name: 'all-that-match', path: 'requests?status=failed', act: openDialog },
    { name: 'tasks', path: 'tasks' },
    { name: 'task', path: `tasks/${task}` },
    { name: 'workers', path: 'workers' },
    { name: 'settings', path: 'settings' },
    { name: 'operations', path: 'operations' },
    { name: 'audit', path: 'audit' },
  ];
}

async function act(base: string, route: string, body: unknown): Promise<void> {
  const response = await fetch(`${base}api/${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${route}: ${await response.text()}`);
}

async function takeShots(base: string): Promise<void> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  await mkdir(FOLDER, { recursive: true });
  for (const { name, path, context, act: perform } of await listShots()) {
    const opened = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', timezoneId: 'UTC', ...context });
    const page = await opened.newPage();
    await page.goto(`${base}${path}`);
    await page.locator('.connection-live').waitFor();
    await page.locator('main .card').first().waitFor();
    await page.locator('.loading').first().waitFor({ state: 'detached' });
    await perform?.(page);
    // Until charts are drawn and nothing moves.
    await delay(1000);
    const devtools = await opened.newCDPSession(page);
    const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 88 });
    const picture = Buffer.from(data, 'base64');
    if (picture.length > MAX_BYTES) throw new Error(`${name}.webp has ${picture.length} bytes, more than ${MAX_BYTES}`);
    await writeFile(`${FOLDER}${name}.webp`, picture);
    console.log(`docs/dashboard/${name}.webp: ${Math.ceil(picture.length / 1000)} kB`);
    await opened.close();
  }
  await browser.close();
}

const dashboard = createDashboard({ pool, authorise: () => ({ user: 'ann', rights: ALL_RIGHTS }) });
const answer = toNodeListener(dashboard);
const listener = createServer((incoming, outgoing) => void answer(incoming, outgoing));
try {
  const session = await connectClient(resolveConnection({ uri: server.uri }, {}));
  await migrate(session);
  await session.end();
  await holder.connect();
  await measurePast(ask);
  await addJobs(ask);
  const worker = await createWorker({ uri: server.uri, embedModel: 'builtin/lexical', rerankModel: 'builtin/lexical' });
  await queueRequests(ask);
  await queueTasks(ask);
  await until(`select count(*) filter (where status = 'failed') = 5 from steadytext_queue`);
  await until(`select count(*) filter (where state in ('succeeded', 'failed')) = 3 from lantern.task_status`);
  await queueLongTasks(ask, hold);
  await until(`select bool_or(cardinality(blocked_by) > 0) from lantern.task_status`);
  const daemon = await createDaemon({ uri: server.uri });
  await new Promise<void>((resolve) => listener.listen(PORT, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${PORT}/`;
  await act(base, 'operations', {
    kind: 'requests',
    action: 'retry',
    filter: { status: 'failed', error: 'cannot be empty' },
    expectedCount: 2,
  });
  await act(base, 'functions/generate_json/pause', {});
  await until(
    `select count(*) filter (where state = 'live') >= 2 and bool_or(pass_percent > 20) from lamplighter.embedding_status`,
  );
  await ask('alter table letter drop column body');
  await takeShots(base);
  await daemon.stop({ isImmediate: true });
  await hold('rollback');
  await worker.stop({ isImmediate: true });
} finally {
  await dashboard.close();
  listener.close();
  listener.closeAllConnections();
  await holder.end();
  await pool.end();
  await server.stop();
}
