import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/core/log.ts';
import { ALL_RIGHTS } from '../../src/dashboard/access.ts';
import type { Rights } from '../../src/dashboard/api.ts';
import { ROUTES } from '../../src/dashboard/routes/routes.ts';
import { openTestDashboard, type TestDashboard } from '../dashboard/open-test-dashboard.ts';
import { startWatchedWorker, type WatchedScene } from '../process/watched-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, generate, untilStatus } from '../support/requests.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';

/** Stands in every text, result, error, key and query; in no name. */
const SECRET = 'sesame-of-the-caller';

let db: TestDatabase;
let worker: WatchedScene;
let daemon: TestDaemon;
let requests: Record<'completed' | 'failed' | 'retried', string>;
let tasks: readonly string[];
let operation: string;
beforeAll(async () => {
  db = await createTestDatabase();
  await queueFailures();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query('create table notes (id text primary key, body text)');
  await db.pool.query('insert into notes values ($1, $2)', [SECRET, `!invalid ${SECRET}`]);
  await addJob(db, { table: 'notes' });
  worker = await startWatchedWorker(db.uri);
  daemon = await startTestDaemon({ uri: db.uri });
  const [completed = ''] = await embed(db.pool, [SECRET]);
  const echoed = await generate(db.pool, `!answer:${SECRET}`);
  requests = { ...requests, completed: echoed };
  await untilStatus(db.pool, [completed, echoed], 'completed');
  await generate(db.pool, `!hang ${SECRET}`);
  const texts = [
    `select '${SECRET}'::integer`,
    `select ${SECRET.replaceAll('-', '_')} from nowhere`,
    `do $$ begin raise exception '${SECRET}' using detail = '${SECRET}'; end $$`,
    `select pg_sleep(600) /* ${SECRET} */`,
  ];
  tasks = await firstValue<string[]>(
    db.pool,
    `select array(select lantern.async_task(t.text)::text from unnest($1::text[]) with ordinality as t (text, at) order by t.at)`,
    [texts],
  );
  await eventually(async () => {
    const states = await db.pool.query<{ state: string }>('select state from lantern.task_status order by jobid');
    expect(states.rows.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed', 'running']);
    expect(await firstValue(db.pool, 'select sum(failed)::text from lamplighter.embedding_status')).toBe('1');
  });
  operation = await firstValue<string>(
    db.pool,
    `select lamplighter.enqueue_operation('requests', 'retry', $1, 0, null, 'command line')::text`,
    [JSON.stringify({ error: SECRET, batch: 'no uuid' })],
  );
}, 60_000);
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await worker?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});

/** Servers of models bring the prompt along, in their words. */
async function queueFailures(): Promise<void> {
  const failed = await generate(db.pool, SECRET, { model: 'unserved' });
  const retried = await generate(db.pool, SECRET, { model: 'unserved too' });
  const error = `openai/gpt answered 400: the prompt ${SECRET} is not allowed, nor is "${SECRET}"\n${SECRET}`;
  for (const [model, kind] of [['unserved', 'failed'] as const, ['unserved too', 'retry'] as const]) {
    const sqlWorker = await startSqlWorker(db.pool, { model });
    const outcome = kind === 'failed' ? { kind, error } : { kind, error, delayMs: 600_000 };
    await sqlWorker.finish(await sqlWorker.claim(), outcome);
  }
  await db.pool.query(`update steadytext_queue set created_at = now() - interval '1 hour' where model = 'unserved'`);
  requests = { completed: '', failed, retried };
}

describe('without the right to see payloads', () => {
  const logged: string[] = [];
  const openFor = (rights: Partial<Rights>): TestDashboard =>
    openTestDashboard(db, {
      authorise: () => ({ rights }),
      log: createLogger({ level: 'debug', destination: { write: (line) => void logged.push(line) } }),
    });
  const EACH = () => ({
    ':requestId': Object.values(requests),
    ':jobid': tasks,
    '/operations/:id': [operation],
    ':id': ['1'],
  });

  /** Each route that reads, with each id there is for it. */
  function readPaths(): readonly string[] {
    return ROUTES.filter(({ method }) => method === 'GET').flatMap(({ path }) => {
      const [, ids = []] = Object.entries(EACH()).find(([name]) => path.includes(name)) ?? [];
      return path.includes(':') ? ids.map((id) => path.replace(/:\w+/, id).slice(1)) : [path.slice(1)];
    });
  }

  /** What each reads, and what operations that are asked for show before they begin. */
  async function readAll(dashboard: TestDashboard): Promise<ReadonlyMap<string, string>> {
    const answers = new Map<string, string>();
    for (const path of readPaths()) answers.set(path, JSON.stringify((await dashboard.get(path)).body));
    for (const order of [
      { kind: 'requests', action: 'retry', filter: {} },
      { kind: 'requests', action: 'cancel', filter: { model: 'unserved too' } },
      { kind: 'tasks', action: 'delete', filter: {} },
      { kind: 'tasks', action: 'cancel', filter: {} },
    ]) {
      answers.set(JSON.stringify(order), JSON.stringify((await dashboard.post('operations/preview', order)).body));
    }
    return answers;
  }

  /** The first event of that type. */
  async function readSample(dashboard: TestDashboard): Promise<string> {
    const { body } = await dashboard.handle(new Request('http://localhost:4600/api/events'));
    let text = '';
    for await (const chunk of body ?? []) {
      text += Buffer.from(chunk).toString();
      if (/event: sample\n.*\n\n/.test(text)) break;
    }
    return text;
  }

  test('no route shows a text, result, error or key, and whoever has it sees them where they belong', async () => {
    await using blind = openFor({ view: true, operate: true, admin: true });
    await using seeing = openFor(ALL_RIGHTS);
    for (const [path, answer] of await readAll(blind)) expect(answer, path).not.toContain('sesame');
    const seen = [...(await readAll(seeing))].filter(([, answer]) => answer.includes(SECRET)).map(([path]) => path);
    expect(seen).toEqual(
      expect.arrayContaining([
        'requests',
        ...Object.values(requests).map((id) => `requests/${id}`),
        'tasks',
        ...tasks.slice(0, 1).map((id) => `tasks/${id}`),
        'jobs/1/failures',
        'operations',
        'audit',
      ]),
    );
  });

  test('the kind of an error is told', async () => {
    await using blind = openFor({ view: true });
    const { body } = await blind.get(`requests/${requests.failed}`);
    expect(body).toMatchObject({ error: 'openai/gpt answered ..', errorText: 'openai/gpt answered ..' });
    expect((await blind.get(`tasks/${tasks[0]}`)).body).toMatchObject({ errorText: 'ERROR' });
    const { body: overview } = await blind.get('overview');
    expect(overview).toMatchObject({ failures: [{ cause: 'openai/gpt answered ..', count: 1 }] });
  });

  test('no event has one', async () => {
    await using blind = openFor({ view: true });
    await using seeing = openFor(ALL_RIGHTS);
    expect(await readSample(blind)).not.toContain(SECRET);
    expect(await readSample(seeing)).toContain(SECRET);
  });

  test('nobody asks for a part of an error after the other until it is known', async () => {
    await using blind = openFor({ view: true, operate: true, admin: true });
    const refused = { status: 403, body: { error: { code: 'NOT_ALLOWED' } } };
    for (const kind of ['requests', 'tasks']) {
      expect(await blind.get(`${kind}?error=sesame`)).toMatchObject(refused);
      const order = { kind, action: 'cancel', filter: { error: 'sesame' } };
      expect(await blind.post('operations/preview', order)).toMatchObject(refused);
      expect(await blind.post('operations', { ...order, expectedCount: 1 })).toMatchObject(refused);
    }
  });

  test('what a trigger refuses is told without its words', async () => {
    await db.pool.query(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused: %', old.parameters; end $$;
      create trigger refuse before update on steadytext_queue for each row when (old.model = 'unserved too') execute function refuse()`);
    try {
      await using blind = openFor({ view: true, operate: true });
      const { body } = await blind.post('requests/actions', { action: 'cancel', ids: [requests.retried] });
      expect(body).toEqual({ done: 0, skipped: [{ id: requests.retried, reason: 'refused' }] });
    } finally {
      await db.pool.query('drop trigger refuse on steadytext_queue; drop function refuse()');
    }
  });

  test('no error, and no line of the log, has what was sent', async () => {
    await using blind = openFor({ view: true, operate: true, admin: true });
    await blind.get(`requests/${SECRET}`);
    await blind.get(`tasks?id=${SECRET}`);
    await readAll(blind);
    expect(logged.join('')).not.toContain(SECRET);
  });
});

test('whoever scrapes or probes a process learns of no text', async () => {
  const metrics = await worker.get('/metrics');
  expect(metrics.text).toMatch(/lamplighter_requests_ended_total\{[^}]*status="completed"[^}]*\} [1-9]/);
  expect(metrics.text).not.toContain(SECRET);
  expect((await worker.get('/readyz')).text).not.toContain(SECRET);
});

describe('a role that may monitor', () => {
  /** Each function that it may call of the product's, with values that make it tell the most. */
  const CALLS: Readonly<Record<string, string>> = {
    'lamplighter.backlog': `backlog('generate')`,
    'lamplighter.list_metric_bounds': 'list_metric_bounds()',
    'lamplighter.list_pauses': 'list_pauses()',
    'lamplighter.list_processes': 'list_processes()',
    'lamplighter.read_figures': 'read_figures()',
    'lamplighter.read_health': 'read_health()',
    'lamplighter.read_installation': 'read_installation()',
    'lamplighter.read_series': `read_series('requests', now() - interval '1 hour', interval '1 minute', 'generate', 'unserved')`,
  };
  /** Figures of all are no text. */
  const READABLE = ['lamplighter.migration', 'lamplighter.routine'];

  const PRODUCT = `(n.nspname in ('lamplighter', 'lantern') or (n.nspname = 'public' and c.name like 'steadytext%'))`;

  let monitor: pg.Client;
  beforeAll(async () => {
    const role = await db.createRole('onlooker');
    await db.pool.query('select lamplighter.grant_monitor($1)', [role.name]);
    monitor = new pg.Client({ connectionString: role.uri });
    await monitor.connect();
  });
  afterAll(() => monitor.end());

  /** Rows, notices and errors, with all that the driver knows of them. */
  async function overhear(statement: string): Promise<string> {
    const heard: unknown[] = [];
    const collect = (notice: unknown) => heard.push(notice);
    monitor.on('notice', collect);
    await monitor
      .query(statement)
      .then(({ rows }) => heard.push(rows))
      .catch((error: unknown) => heard.push(error, String(error)))
      .finally(() => monitor.off('notice', collect));
    return JSON.stringify(heard);
  }

  test('may call these functions and no other, and none tells a text', async () => {
    const { rows } = await monitor.query<{ name: string }>(
      `select distinct format('%I.%I', n.nspname, c.name) as name
       from (select p.oid, p.pronamespace, p.proname as name from pg_proc as p) as c
       join pg_namespace as n on n.oid = c.pronamespace
       where ${PRODUCT} and has_function_privilege(c.oid, 'execute') and has_schema_privilege(n.oid, 'usage')
       order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(CALLS));
    for (const call of Object.values(CALLS)) {
      const heard = await overhear(`select * from lamplighter.${call}`);
      expect(heard, call).not.toMatch(/permission denied|does not exist/);
      expect(heard, call).not.toContain(SECRET);
    }
  });

  test('reads these tables and no other, and is told nothing by those that refuse', async () => {
    const { rows } = await db.pool.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.name) as name
       from (select r.oid, r.relnamespace, r.relname as name from pg_class as r where r.relkind in ('r', 'v', 'm', 'p')) as c
       join pg_namespace as n on n.oid = c.relnamespace
       where ${PRODUCT}
       union all select 'public.notes'`,
    );
    expect(rows.length).toBeGreaterThan(30);
    const read: string[] = [];
    for (const { name } of rows) {
      const heard = await overhear(`select * from ${name}`);
      expect(heard, name).not.toContain(SECRET);
      if (!heard.includes('permission denied')) read.push(name);
    }
    expect(read.sort()).toEqual(READABLE);
  });

  test('finds no text in what the server keeps about tables and sessions', async () => {
    for (const view of [
      'pg_stats',
      'pg_stats_ext',
      'pg_stat_activity',
      'pg_stat_progress_vacuum',
      'pg_prepared_statements',
    ]) {
      expect(await overhear(`select * from ${view}`), view).not.toContain(SECRET);
    }
  });
});
