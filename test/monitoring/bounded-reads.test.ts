import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { ALL_RIGHTS } from '../../src/dashboard/access.ts';
import { listDatabaseSettings } from '../../src/dashboard/database-settings.ts';
import { createOverviewReader } from '../../src/dashboard/read-overview.ts';
import { Refusal } from '../../src/dashboard/refusal.ts';
import { ROUTES } from '../../src/dashboard/routes/routes.ts';
import type { Queryable } from '../../src/db/query.ts';
import { createRequestScan } from '../../src/monitoring/lists/list-requests.ts';
import { createTaskScan } from '../../src/monitoring/lists/list-tasks.ts';
import { readFigures } from '../../src/monitoring/read-figures.ts';
import { readHealth } from '../../src/monitoring/read-health.ts';
import { readRecent, readSeries } from '../../src/monitoring/read-series.ts';
import { readTroubles } from '../../src/monitoring/read-troubles.ts';
import { compactMetrics } from '../../src/monitoring/record-metrics.ts';
import { enqueueOperation, runOperations } from '../../src/operations/run-operations.ts';
import { runCli } from '../cli/run-cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession, type SqlSession } from '../support/sql-session.ts';
import { type FullTables, fillTables } from './full-tables.ts';

/** `BOUNDED_ROWS=10000000 npx vitest run test/monitoring/bounded-reads.test.ts` takes ten million. */
const ROWS = Number(process.env['BOUNDED_ROWS'] ?? 1_000_000);
const MOST_READ = 50_000;
/** As many as a body may name. */
const MOST_IDS = 1_000;

let db: TestDatabase;
let owner: SqlSession;
let caller: SqlSession;
let tables: FullTables;
/** Of requests in every state. */
let requestIds: readonly string[];
beforeAll(async () => {
  db = await createTestDatabase();
  const role = await db.createRole('caller');
  await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
  owner = await openSession(db.uri);
  caller = await openSession(role.uri);
  tables = await fillTables(owner, ROWS, role.name);
  const { rows } = await owner.client.query<{ id: string }>(
    `select request_id::text as id from steadytext_queue where id <= ${MOST_IDS}`,
  );
  requestIds = rows.map(({ id }) => id);
}, 900_000);
afterAll(async () => {
  await owner?.[Symbol.asyncDispose]();
  await caller?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
}, 60_000);

const READ = `
  select sum(pg_stat_get_xact_tuples_returned(c.oid))::text as read
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'i') and n.nspname in ('public', 'lamplighter', 'lantern')`;

/** Rows and entries of indexes that a session's transaction has read, whatever functions it called. */
async function readBy(session: SqlSession, work: (client: SqlSession['client']) => Promise<unknown>): Promise<number> {
  const { client } = session;
  // What earlier transactions have read stands there until the session tells the server of it.
  const read = async () => Number((await client.query<{ read: string }>(READ)).rows[0]?.read);
  await client.query('begin');
  try {
    const before = await read();
    await work(client);
    return (await read()) - before;
  } finally {
    await client.query('rollback');
  }
}

test.each<[string, (client: SqlSession['client']) => Promise<unknown>]>([
  ['the figures of all', (client) => readFigures(client)],
  ['what waits by minute', (client) => client.query('select lamplighter.measure_waiting()')],
  ['the backlog of a function', (client) => client.query(`select lamplighter.backlog('embed')`)],
  ['the last hour', (client) => readRecent(client, 'requests')],
  ['a series of a day', (client) => readSeries(client, { window: '24h', system: 'requests' })],
  [
    'a series of a function',
    (client) => readSeries(client, { window: '24h', system: 'requests', functionName: 'embed' }),
  ],
  ['a series of 90 days', (client) => readSeries(client, { window: '90d', system: 'requests' })],
])('however full the queue is, %s costs few reads', async (_, work) => {
  const read = await readBy(owner, work);
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThanOrEqual(MOST_READ);
});

/** The statements of a session, in one transaction, and the most that one of them has read. */
function countStatements({ client }: SqlSession) {
  let most = 0;
  const read = async () => Number((await client.query<{ read: string }>(READ)).rows[0]?.read);
  const counting: Queryable = {
    async query<Row extends object>(text: string, params?: readonly unknown[]) {
      const before = await read();
      const { rows } = await client.query<Row>(text, params === undefined ? undefined : [...params]);
      most = Math.max(most, (await read()) - before);
      return { rows };
    },
  };
  return { db: counting, most: () => most };
}

/** What each page asks: a new one has to be entered here. */
const PAGES: Readonly<
  Record<
    string,
    {
      readonly params?: (of: FullTables) => Record<string, string>;
      readonly queries: readonly Record<string, string>[];
    }
  >
> = {
  '/session': { queries: [{}] },
  '/workers': { queries: [{}] },
  '/settings': { queries: [{}] },
  '/functions': { queries: [{}] },
  '/overview': { queries: [{}] },
  '/series': {
    queries: ['1h', '6h', '24h', '7d', '90d'].flatMap((window) => [
      { window },
      { window, function: 'embed' },
      { window, system: 'tasks' },
    ]),
  },
  '/requests': {
    queries: [
      {},
      { status: 'pending' },
      { status: 'failed' },
      { function: 'embed', model: 'other' },
      { role: 'nobody' },
      { batch: '11111111-1111-4111-8111-111111111111' },
      { worker: '11111111-1111-4111-8111-111111111111' },
      { since: '2000-01-01T00:00:00Z', until: '2000-01-02T00:00:00Z' },
      { error: 'nothing' },
      { id: '5' },
      { id: '11111111-1111-4111-8111-111111111111' },
      { cursor: '900000', status: 'failed' },
    ],
  },
  '/requests/:requestId': { params: ({ requestId }) => ({ requestId }), queries: [{}] },
  '/tasks': {
    queries: [
      {},
      { state: 'queued' },
      { state: 'running' },
      { state: 'failed' },
      { role: 'nobody' },
      { name: 'nothing' },
      { error: 'nothing' },
      { since: '2000-01-01T00:00:00Z' },
      { id: '10' },
    ],
  },
  '/tasks/:jobid': { params: ({ jobid }) => ({ jobid }), queries: [{}] },
  '/jobs': { queries: [{}] },
  '/jobs/:id': { params: ({ job }) => ({ id: job }), queries: [{}] },
  '/jobs/:id/failures': { params: ({ job }) => ({ id: job }), queries: [{}] },
  '/operations': { queries: [{}] },
  '/operations/:id': { params: () => ({ id: '1' }), queries: [{}] },
  '/audit': { queries: [{}, { cursor: '1000' }] },
};

const ordersOf = (kind: string, actions: readonly string[], filters: readonly object[]) =>
  filters.flatMap((filter) => actions.map((action) => ({ kind, action, filter })));
const ORDERS = [
  ...ordersOf(
    'requests',
    ['retry', 'cancel', 'delete'],
    [{}, { function: 'embed', status: 'pending' }, { error: 'no' }],
  ),
  ...ordersOf('tasks', ['cancel', 'delete'], [{}, { state: 'queued' }, { role: 'nobody' }]),
];

/** What each action is asked for: a new one has to be entered here. */
const ACTIONS: Readonly<
  Record<
    string,
    {
      readonly params?: (of: FullTables) => Record<string, string>;
      readonly bodies: (ids: { readonly requests: readonly string[] }) => readonly object[];
    }
  >
> = {
  '/functions/:name/pause': { params: () => ({ name: 'embed' }), bodies: () => [{}] },
  '/functions/:name/resume': { params: () => ({ name: 'embed' }), bodies: () => [{}] },
  '/requests/actions': {
    bodies: ({ requests }) => ['retry', 'cancel', 'delete'].map((action) => ({ action, ids: requests })),
  },
  '/tasks/actions': {
    bodies: () =>
      ['cancel', 'delete'].map((action) => ({ action, ids: Array.from({ length: MOST_IDS }, (_, at) => `${at + 1}`) })),
  },
  '/jobs/:id/retry-failures': {
    params: ({ job }) => ({ id: job }),
    bodies: () => [{ ids: ['f2ee8b6d-f45e-a860-395e-257a7a3355ec'] }, {}],
  },
  // It counts exactly, which takes its time.
  '/operations/preview': {
    bodies: () => [
      ...ordersOf('requests', ['retry'], [{ error: 'no' }]),
      ...ordersOf('tasks', ['cancel'], [{ role: 'nobody' }]),
    ],
  },
  '/operations': {
    bodies: () => ORDERS.map((order) => ({ ...order, expectedCount: 1, confirm: `${order.action} all ${order.kind}` })),
  },
  '/operations/:id/stop': { params: () => ({ id: '1' }), bodies: () => [{}] },
};

test.each(ROUTES)('no statement of $method $path reads many rows', async (route) => {
  const page = route.method === 'GET' ? PAGES[route.path] : undefined;
  const action = route.method === 'GET' ? undefined : ACTIONS[route.path];
  if (page === undefined && action === undefined) throw new Error(`enter ${route.path} in PAGES or ACTIONS`);
  const params = (page ?? action)?.params?.(tables) ?? {};
  const asked = [
    ...(page?.queries ?? []).map((query) => ({ query, body: undefined })),
    ...(action?.bodies({ requests: requestIds }) ?? []).map((body) => ({ query: {}, body })),
  ];
  for (const { query, body } of asked) {
    await owner.client.query('begin');
    try {
      const { db: counting, most } = countStatements(owner);
      const answered = route.run({
        db: counting,
        params,
        query,
        body,
        rights: ALL_RIGHTS,
        user: undefined,
        signal: AbortSignal.timeout(60_000),
        dashboard: {
          db: { read: (work) => work(counting), write: (work) => work(counting) },
          isReadOnly: true,
          traceUrl: undefined,
          readOverview: createOverviewReader(),
          listSettings: listDatabaseSettings,
          noteChange: () => undefined,
          noteOperation: () => undefined,
        },
      });
      await answered.catch((error: unknown) => {
        // There is no operation.
        if (!(error instanceof Refusal)) throw error;
      });
      expect(most(), JSON.stringify(body ?? query).slice(0, 200)).toBeLessThanOrEqual(MOST_READ);
    } finally {
      await owner.client.query('rollback');
    }
  }
});

test.each(ORDERS)(
  'no step of an operation reads many rows: $action $kind $filter',
  async ({ kind, action, filter }) => {
    await owner.client.query('begin');
    try {
      await enqueueOperation(
        owner.client,
        { user: undefined, source: 'dashboard' },
        {
          kind: kind === 'tasks' ? 'tasks' : 'requests',
          action,
          filter,
          expectedCount: 1,
        },
      );
      const { db: counting, most } = countStatements(owner);
      // Of collecting and of working off; they are all alike.
      let steps = 0;
      const enough = new AbortController();
      const stepping: Queryable = {
        query(text, params) {
          steps += 1;
          if (steps === 5) enough.abort();
          return counting.query(text, params);
        },
      };
      await runOperations(stepping, enough.signal);
      expect(most()).toBeGreaterThan(0);
      expect(most()).toBeLessThanOrEqual(MOST_READ);
    } finally {
      await owner.client.query('rollback');
    }
  },
);

test('counting all that match before an action reads in pieces', async () => {
  const { db: counting, most } = countStatements(owner);
  await owner.client.query('begin');
  const scan = createRequestScan(counting, { status: 'pending' });
  await scan('9223372036854775807', 20_000);
  await createTaskScan(counting, {}, ['queued', 'running'])('9223372036854775807', 20_000);
  await owner.client.query('rollback');
  expect(most()).toBeGreaterThan(0);
  expect(most()).toBeLessThanOrEqual(MOST_READ);
});

test.each<[string, (client: Queryable) => Promise<unknown>]>([
  ['the health of the server', readHealth],
  ['the merging of minutes', compactMetrics],
  [
    'what is wrong',
    async (client) =>
      readTroubles(client, { figures: await readFigures(client), recent: await readRecent(client, 'requests') }),
  ],
])('no statement of %s reads many rows', async (_, work) => {
  const { db: counting, most } = countStatements(owner);
  await owner.client.query('begin');
  await work(counting);
  await owner.client.query('rollback');
  expect(most()).toBeLessThanOrEqual(MOST_READ);
});

/** The commands that show something, with how they are asked; of the others none reads the tables to show it. */
const SHOWING: Readonly<Record<string, readonly (readonly string[])[]>> = {
  status: [[], ['--json']],
  doctor: [[]],
  audit: [[]],
  'requests list': [[], ['--limit', '10']],
  'requests show': [['REQUEST']],
  'task list': [[], ['--status', 'queued']],
  'task show': [['10']],
};
/** They start or change something, or look at no table of the queue: at models, an address, or a jobs table and its few jobs. */
const ACTING = new Set(
  'demo,up,migrate,worker,requests run,requests retry,requests cancel,task run,task retry,task cancel,healthcheck,start-daemon,create-embeddings,create-jobs-table,jobs list,jobs show,jobs add,jobs cancel,jobs pause,jobs resume,jobs resync,jobs retry-failures,dashboard,models list,models pull,models path,show-models,show-runtimes,uninstall'.split(
    ',',
  ),
);

test('every command is known to show, or to act', () => {
  expect(COMMANDS.map(({ name }) => name).filter((name) => SHOWING[name] === undefined && !ACTING.has(name))).toEqual(
    [],
  );
});

const CASES = Object.entries(SHOWING).flatMap(([name, asked]) => asked.map((args) => [name, args.join(' ')] as const));
test.each(CASES)(
  '%s %s reads few rows of each table',
  async (name, args) => {
    const before = await readOfEach();
    const others = (await db.pool.query<{ pid: number }>(OTHERS)).rows.map(({ pid }) => pid);
    const given = args.replace('REQUEST', tables.requestId).split(' ').filter(Boolean);
    const { stderr } = await runCli([...name.split(' '), ...given, '--uri', db.uri]);
    expect(stderr).not.toMatch(/^error: (?!.*(unhealthy|no worker))/m);
    await eventually(async () =>
      expect((await db.pool.query<{ pid: number }>(OTHERS)).rows.filter(({ pid }) => !others.includes(pid))).toEqual(
        [],
      ),
    );
    const after = await readOfEach();
    const most = Math.max(...[...after].map(([table, read]) => read - (before.get(table) ?? 0)));
    // Several statements, each of which reads no more than one may.
    expect(most).toBeLessThanOrEqual(3 * MOST_READ);
  },
  120_000,
);

const OTHERS = `select pid from pg_stat_activity where datname = current_database() and application_name like 'lamplighter%'`;

/** What all sessions have read that have ended, by table: that of the tests above, too, for which it ends theirs. */
async function readOfEach(): Promise<ReadonlyMap<string, number>> {
  await owner[Symbol.asyncDispose]();
  owner = await openSession(db.uri);
  const { rows } = await owner.client.query<{ name: string; read: string }>(
    `select coalesce(i.indrelid, c.oid)::regclass::text as name, sum(pg_stat_get_tuples_returned(c.oid))::text as read
     from pg_class as c
     join pg_namespace as n on n.oid = c.relnamespace
     left join pg_index as i on i.indexrelid = c.oid
     where c.relkind in ('r', 'i') and n.nspname in ('public', 'lamplighter', 'lantern')
     group by 1`,
  );
  return new Map(rows.map(({ name, read }) => [name, Number(read)]));
}

test('the figures of a caller cost few reads, and are its own', async () => {
  let figures: Awaited<ReturnType<typeof readFigures>> | undefined;
  const read = await readBy(caller, async (client) => {
    figures = await readFigures(client);
  });
  expect(read).toBeLessThanOrEqual(MOST_READ);
  expect(figures?.isOfAll).toBe(false);
  expect(figures?.lanes.length).toBeGreaterThan(0);
});

test('tasks that were queued are counted in pieces, each of few reads', async () => {
  await owner.client.query(
    `insert into lamplighter.metric_cursor (system, counted_id, next_id, next_xid) values ('tasks', 0, ${ROWS / 2}, '3')
     on conflict on constraint metric_cursor_pkey do update set counted_id = 0, next_id = excluded.next_id, next_xid = '3';
     select setval('lamplighter.task_run_run_id_seq', ${ROWS / 2})`,
  );
  const read = await readBy(owner, (client) => client.query('select lamplighter.measure_enqueued()'));
  expect(read).toBeGreaterThan(5_000);
  expect(read).toBeLessThanOrEqual(MOST_READ);
});

test('what was cancelled is counted in pieces, each of few reads', async () => {
  await owner.client.query(
    `insert into lamplighter.metric_cancel (function_name, model, cancelled_at)
     select 'embed', 'default', now() from generate_series(1, 100000)`,
  );
  const read = await readBy(owner, (client) => client.query('select lamplighter.measure_cancelled()'));
  expect(read).toBeGreaterThan(10_000);
  expect(read).toBeLessThanOrEqual(MOST_READ);
});
