import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Session } from '../../src/dashboard/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { spawnProcess } from '../support/process.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

/** What a browser does: the page, a file that it names, its session, an action, and the stream of events. */
async function expectDashboard(ask: (path: string, init?: RequestInit) => Promise<Response>): Promise<void> {
  const page = await ask('/lamplighter/requests?status=failed');
  expect(page.status).toBe(200);
  const html = await page.text();
  const [, script] = /<script[^>]+src="([^"]+)"/.exec(html) ?? [];
  expect((await ask(new URL(script ?? '', 'http://localhost/lamplighter/').pathname)).status).toBe(200);
  const session = (await (await ask('/lamplighter/api/session')).json()) as Session;
  expect(session).toMatchObject({ user: 'ann', rights: { view: true, operate: true, admin: false, payloads: false } });
  const { rows } = await db.pool.query<{ id: string }>("select steadytext_embed_async('to be cancelled') as id");
  const acted = await ask('/lamplighter/api/requests/actions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
    body: JSON.stringify({ action: 'cancel', ids: [rows[0]?.id] }),
  });
  expect(await acted.json()).toEqual({ done: 1, skipped: [] });
  const events = await ask('/lamplighter/api/events');
  expect(events.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const reader = events.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  await reader?.cancel();
}

test.each(['express', 'fastify', 'hono'])('the dashboard is mounted in %s as the example shows', async (framework) => {
  await using server = spawnProcess(`examples/dashboard-${framework}.ts`, [], {
    env: { DATABASE_URL: db.uri, PORT: '0' },
  });
  const [, port] = /port: (\d+)/.exec(await server.waitForLine(/port: \d+/)) ?? [];
  await expectDashboard((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init));
  server.kill('SIGTERM');
  expect(await server.exited).toEqual({ code: 0, signal: null });
});

test("the dashboard is what a route of Next's answers with, as the example shows", async () => {
  vi.stubEnv('DATABASE_URL', db.uri);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { GET, POST } = await import('../../examples/dashboard-next.ts');
  await expectDashboard((path, init) => {
    const request = new Request(`http://localhost:3000${path}`, init);
    return request.method === 'POST' ? POST(request) : GET(request);
  });
});
