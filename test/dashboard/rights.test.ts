import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Rights } from '../../src/dashboard/api.ts';
import { createBasicAuth, parseUsers } from '../../src/dashboard/basic-auth.ts';
import { hashPassword } from '../../src/dashboard/password-hash.ts';
import { ROUTES } from '../../src/dashboard/routes/routes.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openTestDashboard, type TestDashboard } from './open-test-dashboard.ts';

const ALL: Rights = { view: true, payloads: true, operate: true, admin: true };
const ID = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';

/** What makes each route that changes something ask for each of its rights. */
const BODIES: Readonly<Record<string, readonly object[]>> = {
  '/requests/actions': [
    { action: 'retry', ids: [ID] },
    { action: 'cancel', ids: [ID] },
    { action: 'delete', ids: [ID] },
  ],
  '/tasks/actions': [
    { action: 'cancel', ids: ['1'] },
    { action: 'delete', ids: ['1'] },
  ],
  '/jobs/:id/retry-failures': [{}],
  '/functions/:name/pause': [{}],
  '/functions/:name/resume': [{}],
  '/operations/preview': [
    { kind: 'requests', action: 'retry', filter: { status: 'failed' } },
    { kind: 'tasks', action: 'delete', filter: { state: 'failed' } },
  ],
  '/operations': [
    { kind: 'requests', action: 'cancel', filter: { status: 'failed' }, expectedCount: 0 },
    { kind: 'tasks', action: 'delete', filter: { state: 'failed' }, expectedCount: 0 },
  ],
  '/operations/:id/stop': [{}],
};
const pathOf = (path: string) =>
  path
    .slice(1)
    .replace(':requestId', ID)
    .replace(':name', 'embed')
    .replace(/:(id|jobid)/, '1');

const ASKED = [
  ...ROUTES.flatMap(({ method, path, right }) => {
    const bodies = method === 'POST' ? (BODIES[path] ?? [undefined]) : [undefined];
    return bodies.map((body) => ({ method, path, body, right: typeof right === 'function' ? right(body) : right }));
  }),
  { method: 'GET' as const, path: '/events', body: undefined, right: 'view' as const },
];

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const ask = (dashboard: TestDashboard, { method, path, body }: (typeof ASKED)[number]) =>
  method === 'GET' ? dashboard.get(pathOf(path)) : dashboard.post(pathOf(path), body);

test('every route that changes something is in the list', () => {
  const posts = ROUTES.filter(({ method }) => method === 'POST').map(({ path }) => path);
  expect(Object.keys(BODIES).sort()).toEqual(posts.sort());
});

test.each(ASKED)('$method $path needs the right "$right", whatever else one has: $body', async (asked) => {
  await using dashboard = openTestDashboard(db, { authorise: () => ({ rights: { ...ALL, [asked.right]: false } }) });
  const { status, body } = await ask(dashboard, asked);
  expect(status).toBe(403);
  expect(body).toMatchObject({ error: { code: 'NOT_ALLOWED' } });
});

test.each(ASKED)('$method $path is answered to nobody who is not known: $body', async (asked) => {
  await using dashboard = openTestDashboard(db, { authorise: () => undefined });
  expect((await ask(dashboard, asked)).status).toBe(401);
});

test.each(ASKED.filter(({ method }) => method === 'POST'))(
  'a dashboard that only reads refuses $method $path: $body',
  async (asked) => {
    await using dashboard = openTestDashboard(db, { isReadOnly: true });
    expect(await ask(dashboard, asked)).toMatchObject({ status: 403, body: { error: { code: 'READ_ONLY' } } });
  },
);

test('without the right to see payloads none is in any answer', async () => {
  const secret = 'the secret of the payload';
  const { rows } = await db.pool.query<{ id: string }>('select steadytext_embed_async($1)::text as id', [secret]);
  const task = await db.pool.query<{ id: string }>('select lantern.async_task($1)::text as id', [`select '${secret}'`]);
  await db.pool.query(`update steadytext_queue set status = 'completed', result = $1`, [secret]);
  await using dashboard = openTestDashboard(db, {
    authorise: () => ({ rights: { view: true, operate: true, admin: true } }),
  });
  const paths = [
    ...ROUTES.filter(({ method, path }) => method === 'GET' && !path.includes(':')).map(({ path }) => path.slice(1)),
    `requests/${rows[0]?.id}`,
    `tasks/${task.rows[0]?.id}`,
  ];
  for (const path of paths) expect(JSON.stringify((await dashboard.get(path)).body), path).not.toContain(secret);
  const order = { kind: 'tasks', action: 'cancel', filter: { state: 'queued' } };
  expect(JSON.stringify((await dashboard.post('operations/preview', order)).body)).not.toContain(secret);
});

describe('a page that is not the dashboard', () => {
  const ids = { action: 'retry', ids: [ID] };

  test.each([
    ['says that it is another site', { 'sec-fetch-site': 'cross-site' }],
    ['says that it is a sister', { 'sec-fetch-site': 'same-site' }],
    ['has another origin, in an old browser', { 'sec-fetch-site': '', origin: 'http://evil.example' }],
    ['sends a form', { 'content-type': 'text/plain' }],
    ['does not say where it is from', { 'sec-fetch-site': '' }],
  ])('changes nothing when it %s', async (_, headers) => {
    await using dashboard = openTestDashboard(db);
    const given = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', ...headers };
    const sent = Object.entries(given).filter(([, value]) => value !== '');
    const response = await dashboard.handle(
      new Request('http://localhost:4600/api/requests/actions', {
        method: 'POST',
        headers: Object.fromEntries(sent),
        body: JSON.stringify(ids),
      }),
    );
    expect([400, 403]).toContain(response.status);
  });

  test('may be of the same origin in an old browser', async () => {
    await using dashboard = openTestDashboard(db);
    const response = await dashboard.handle(
      new Request('http://localhost:4600/api/requests/actions', {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: 'http://localhost:4600' },
        body: JSON.stringify(ids),
      }),
    );
    expect(response.status).toBe(200);
  });

  test('reads nothing, and no answer lets it', async () => {
    await using dashboard = openTestDashboard(db);
    expect((await dashboard.get('overview', { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    const { headers } = await dashboard.get('overview', { origin: 'http://evil.example' });
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('set-cookie')).toBeNull();
  });

  test('is refused under a name that is not the dashboard’s', async () => {
    await using dashboard = openTestDashboard(db, { allowedHosts: ['localhost'] });
    const answer = await dashboard.handle(new Request('http://evil.example/api/overview'));
    expect(answer.status).toBe(421);
    expect((await dashboard.get('overview')).status).toBe(200);
  });
});

describe('a name and a password', () => {
  const basic = (name: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
  });

  test('let in whoever is in the file, with the rights that stand there', async () => {
    const users = parseUsers(
      `# who may come\nann:admin+payloads:${await hashPassword('lamps and wicks')}\nbob:viewer:${await hashPassword('lämps')}\n`,
      'users',
    );
    await using dashboard = openTestDashboard(db, { authorise: createBasicAuth(users) });
    const ann = await dashboard.get('session', basic('ann', 'lamps and wicks'));
    expect(ann.body).toMatchObject({ user: 'ann', rights: ALL });
    const bob = await dashboard.get('session', basic('bob', 'lämps'));
    expect(bob.body).toMatchObject({
      user: 'bob',
      rights: { view: true, payloads: false, operate: false, admin: false },
    });
    const nobody = await dashboard.get('session');
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('www-authenticate')).toMatch(/^Basic /);
  });

  test('that are wrong are answered ever later, whoever tries, and those who came before do not wait', async () => {
    const pauses: number[] = [];
    const users = parseUsers(`ann:viewer:${await hashPassword('lamps and wicks')}`, 'users');
    const clock = {
      nowMs: () => 0,
      delay: (ms: number) => {
        pauses.push(ms);
        return Promise.resolve();
      },
    };
    await using dashboard = openTestDashboard(db, { authorise: createBasicAuth(users, clock) });
    expect((await dashboard.get('session', basic('ann', 'lamps and wicks'))).status).toBe(200);
    for (const name of ['ann', 'bob', 'ann'])
      expect((await dashboard.get('session', basic(name, 'guess'))).status).toBe(401);
    expect(pauses).toEqual([250, 500, 1_000]);
    expect((await dashboard.get('session', basic('ann', 'lamps and wicks'))).status).toBe(200);
  });

  test.each(['ann:admin', 'ann:king:scrypt$1$1$1$a$b', 'ann:viewer:$2y$10$abc', ''])(
    'are refused in a file that says %j',
    (line) => {
      expect(() => parseUsers(line, 'users')).toThrow(/users/);
    },
  );
});
