import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createStage, type SqlTaskWorker, type Stage } from './sql-stage.ts';

let stage: Stage;
let worker: SqlTaskWorker;
beforeAll(async () => {
  stage = await createStage();
  const { names, database } = stage.cast;
  await database.pool.query(`grant create on schema public to ${names.a}`);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  await stage.clear();
  worker = await stage.startWorker();
});

const admin = () => stage.cast.database.pool;
const a = () => stage.cast.sessions.a;

type ProgressRow = Readonly<Record<string, string | number>>;

async function partOf(kind: string, row: ProgressRow): Promise<number> {
  const { rows } = await admin().query<{ part: number }>(`select lamplighter.read_${kind}_progress($1) as part`, [
    JSON.stringify(row),
  ]);
  return Math.round((rows[0]?.part ?? Number.NaN) * 1000) / 1000;
}

const blocks = (done: number, total = 100) => ({ blocks_done: done, blocks_total: total });
const tuples = (done: number, total = 100) => ({ tuples_done: done, tuples_total: total });
const lockers = (done: number, total = 2) => ({ lockers_done: done, lockers_total: total });

const BTREE = [
  { phase: 'initializing' },
  { phase: 'building index: scanning table', ...blocks(0) },
  { phase: 'building index: scanning table', ...blocks(50) },
  { phase: 'building index: scanning table', ...blocks(100) },
  { phase: 'building index: sorting live tuples', ...blocks(0, 0) },
  { phase: 'building index: sorting dead tuples' },
  { phase: 'building index: loading tuples in tree', ...tuples(0) },
  { phase: 'building index: loading tuples in tree', ...tuples(100) },
];
const HNSW = [
  { phase: 'building index: initializing' },
  { phase: 'building index: loading tuples', ...blocks(8, 448), ...tuples(90, 0) },
  { phase: 'building index: loading tuples', ...blocks(376, 448), ...tuples(9000, 0) },
];
const IVFFLAT = [
  { phase: 'building index: initializing' },
  { phase: 'building index: performing k-means' },
  { phase: 'building index: assigning tuples', ...blocks(50) },
  { phase: 'building index: loading tuples', ...tuples(0) },
  { phase: 'building index: loading tuples', ...tuples(100) },
];
const CONCURRENTLY = [
  { phase: 'initializing' },
  { phase: 'waiting for writers before build', ...lockers(1) },
  ...BTREE.slice(1),
  { phase: 'waiting for writers before validation', ...lockers(0) },
  { phase: 'index validation: scanning index', ...blocks(0, 0) },
  { phase: 'index validation: scanning index', ...blocks(50) },
  { phase: 'index validation: sorting tuples' },
  { phase: 'index validation: scanning table', ...blocks(10) },
  { phase: 'waiting for old snapshots', ...lockers(2) },
  { phase: 'waiting for readers before marking dead', ...lockers(1) },
  { phase: 'waiting for readers before dropping', ...lockers(1) },
];
const scan = (done: number, vacuumed = 0) => ({
  heap_blks_scanned: done,
  heap_blks_vacuumed: vacuumed,
  heap_blks_total: 100,
});
const VACUUM = [
  { phase: 'initializing' },
  { phase: 'scanning heap', ...scan(10) },
  { phase: 'scanning heap', ...scan(60) },
  { phase: 'vacuuming indexes', ...scan(60), indexes_processed: 1, indexes_total: 2 },
  { phase: 'vacuuming heap', ...scan(60, 60) },
  { phase: 'scanning heap', ...scan(100, 60) },
  { phase: 'vacuuming indexes', ...scan(100, 60), indexes_processed: 1, indexes_total: 2 },
  { phase: 'vacuuming heap', ...scan(100, 60) },
  { phase: 'vacuuming heap', ...scan(100, 100) },
  { phase: 'cleaning up indexes', ...scan(100, 100) },
  { phase: 'truncating heap', ...scan(100, 100) },
  { phase: 'performing final cleanup', ...scan(100, 100) },
];
const ANALYZE = [
  { phase: 'initializing' },
  { phase: 'acquiring sample rows', sample_blks_scanned: 10, sample_blks_total: 100 },
  { phase: 'acquiring sample rows', sample_blks_scanned: 100, sample_blks_total: 100 },
  { phase: 'computing statistics' },
  { phase: 'computing extended statistics' },
  { phase: 'finalizing analyze' },
];
const PARTITIONED = [0, 1, 2].map((done) => ({
  phase: 'acquiring inherited sample rows',
  child_tables_done: done,
  child_tables_total: 3,
  sample_blks_scanned: 50,
  sample_blks_total: 100,
}));
const FULL = [
  { command: 'VACUUM FULL', phase: 'initializing' },
  { command: 'VACUUM FULL', phase: 'seq scanning heap', heap_blks_scanned: 90, heap_blks_total: 100 },
  { command: 'VACUUM FULL', phase: 'swapping relation files' },
  { command: 'VACUUM FULL', phase: 'rebuilding index', relid: 1, index_rebuild_count: 0 },
  { command: 'VACUUM FULL', phase: 'performing final cleanup' },
];
const CLUSTER = [
  { command: 'CLUSTER', phase: 'initializing' },
  { command: 'CLUSTER', phase: 'seq scanning heap', heap_blks_scanned: 100, heap_blks_total: 100 },
  { command: 'CLUSTER', phase: 'sorting tuples' },
  { command: 'CLUSTER', phase: 'writing new heap', heap_tuples_written: 10, heap_tuples_scanned: 100 },
  { command: 'CLUSTER', phase: 'swapping relation files' },
  { command: 'CLUSTER', phase: 'rebuilding index', relid: 1, index_rebuild_count: 1 },
];

test.each<[string, string, readonly ProgressRow[]]>([
  ['CREATE INDEX', 'index', BTREE.map((row) => ({ command: 'CREATE INDEX', ...row }))],
  ['CREATE INDEX USING hnsw', 'index', HNSW.map((row) => ({ command: 'CREATE INDEX', ...row }))],
  ['CREATE INDEX USING ivfflat', 'index', IVFFLAT.map((row) => ({ command: 'CREATE INDEX', ...row }))],
  ['CREATE INDEX CONCURRENTLY', 'index', CONCURRENTLY.map((row) => ({ command: 'CREATE INDEX CONCURRENTLY', ...row }))],
  ['REINDEX CONCURRENTLY', 'index', CONCURRENTLY.map((row) => ({ command: 'REINDEX CONCURRENTLY', ...row }))],
  [
    'CREATE INDEX on a partitioned table',
    'index',
    [0, 1, 2].flatMap((done) =>
      BTREE.map((row) => ({ command: 'CREATE INDEX', ...row, partitions_done: done, partitions_total: 3 })),
    ),
  ],
  ['VACUUM in two rounds', 'vacuum', VACUUM],
  ['ANALYZE', 'analyze', ANALYZE],
  ['ANALYZE of partitions', 'analyze', PARTITIONED],
  ['VACUUM FULL', 'cluster', FULL],
  ['CLUSTER', 'cluster', CLUSTER],
])('%s never goes back, and stays between 0 and 1', async (_, kind, rows) => {
  const parts: number[] = [];
  for (const row of rows) parts.push(await partOf(kind, row));
  expect(parts).toEqual([...parts].sort((x, y) => x - y));
  expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...parts)).toBeLessThanOrEqual(1);
  expect(Math.max(...parts)).toBeGreaterThan(0.7);
});

/** Without what PostgreSQL reports while it reads the first block of a table: that all blocks are done. */
const WATCHED = `
  select s.*
  from lantern.task_status as s
  left join pg_stat_progress_create_index as p on p.pid = s.backend_pid
  where s.jobid = $1 and not coalesce(p.blocks_total > 0 and p.blocks_done = p.blocks_total, false)`;

/** Runs the text in the session of a task of role A; the percentages that were seen on the way, by phase. */
async function watch(
  text: string,
  viewer = a(),
): Promise<{ phases: string[]; percents: number[]; row: Record<string, unknown> }> {
  const jobid = await stage.queue(a(), text);
  const task = await worker.claimOne();
  const session = await worker.open(task, stage.cast.logins.a.uri);
  const running = session.client.query(text).then(() => 'done');
  const phases: string[] = [];
  const percents: number[] = [];
  let row: Record<string, unknown> = {};
  let isDone = false;
  void running.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    const { rows } = await viewer.query(WATCHED, [jobid]);
    const [seen] = rows;
    if (seen?.progress_phase != null) {
      row = seen;
      if (phases.at(-1) !== seen.progress_phase) phases.push(seen.progress_phase);
      percents.push(seen.progress_percent);
    } else if (seen?.reason != null) row = seen;
  }
  await running;
  await session.kill();
  return { phases, percents, row };
}

const SLOW = `create or replace function public.slowly(x int) returns int language plpgsql immutable as $$
  begin perform pg_sleep(0.002); return x; end $$`;

async function makeTable(): Promise<void> {
  await a().query(`drop table if exists public.big; create table public.big as
    select n, repeat('x', 2000) as filler from generate_series(1, 400) as n; alter table public.big set (parallel_workers = 0)`);
  await a().query(SLOW);
}

test.each([
  'create index on public.big (public.slowly(n))',
  'create index concurrently on public.big (public.slowly(n))',
])('the view shows the progress of %s to its role: phase, percentage that rises, when it may end', async (text) => {
  await makeTable();
  const { phases, percents, row } = await watch(text);
  expect(phases).toContain('building index: scanning table');
  expect(percents.length).toBeGreaterThan(5);
  expect(percents).toEqual([...percents].sort((x, y) => x - y));
  expect(Math.max(...percents)).toBeGreaterThan(20);
  expect(row).toMatchObject({
    state: 'running',
    eta: expect.any(Date),
    blocked_by: expect.any(Array),
    backend_pid: expect.any(Number),
  });
});

test('the owner, who has not the rights of the role, is told why there is no progress; pg_read_all_stats sees it', async () => {
  await makeTable();
  const text = 'create index on public.big (public.slowly(n))';
  const { row } = await watch(text, stage.cast.sessions.owner);
  expect(row).toMatchObject({
    reason: `progress is shown to those who have the rights of ${stage.cast.names.a} or pg_read_all_stats`,
    progress_phase: null,
    progress_percent: null,
    eta: null,
  });
  await admin().query(`grant pg_read_all_stats to ${stage.cast.names.owner}`);
  const { percents } = await watch(text, stage.cast.sessions.owner);
  await admin().query(`revoke pg_read_all_stats from ${stage.cast.names.owner}`);
  expect(percents.length).toBeGreaterThan(2);
});

test('a task that waits for a lock tells for whom', async () => {
  await makeTable();
  const jobid = await stage.queue(a(), 'lock table public.big');
  const session = await worker.open(await worker.claimOne(), stage.cast.logins.a.uri);
  await a().query('begin; lock table public.big');
  const waiting = session.client.query('begin; lock table public.big; commit');
  const { rows } = await a().query('select pg_backend_pid() as pid');
  await eventually(async () => expect(await stage.status(jobid)).toMatchObject({ blocked_by: [rows[0]?.pid] }));
  await a().query('rollback');
  await waiting;
});

test('a queued task says why nobody runs it', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const reason = async () => (await stage.status(jobid))['reason'];
  const set = (concurrency: number, roles: string[] = [], reasons: string[] = [], id = worker.workerId) =>
    stage.cast.sessions.worker.query('select lamplighter.set_task_reasons($1, $2, $3, $4)', [
      id,
      concurrency,
      roles,
      reasons,
    ]);
  expect(await reason()).toBe('no worker runs tasks');
  await set(0);
  expect(await reason()).toBe('no worker runs tasks');
  await set(1);
  expect(await reason()).toBeNull();
  await set(1, [stage.cast.names.a], ['no password for role "a"']);
  expect(await reason()).toBe('no password for role "a"');
  const other = await stage.startWorker();
  await set(1, [], [], other.workerId);
  expect(await reason()).toBeNull();
  await other.die();
  expect(await reason()).toBe('no password for role "a"');
  await set(1);
  await worker.release(await worker.claimOne(), { delayMs: 60_000, reason: 'too many connections for role "a"' });
  expect(await reason()).toBe('too many connections for role "a"');
  await admin().query('update lamplighter.task_run set not_before = null');
  await stage.queue(stage.cast.sessions.b, 'select 1');
  await worker.claim(1, [stage.cast.names.a]);
  expect(await reason()).toBe('all workers are busy');
  await worker.die();
  expect(await reason()).toBe('no worker runs tasks');
});

test('wait and run grow while it waits and runs, and stand still afterwards', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const seconds = async (column: string) =>
    Number(
      (
        await admin().query(`select extract(epoch from ${column}) as s from lantern.task_status where jobid = $1`, [
          jobid,
        ])
      ).rows[0]?.s,
    );
  const first = await seconds('wait');
  expect(await seconds('wait')).toBeGreaterThan(first);
  const task = await worker.claimOne();
  await worker.open(task, stage.cast.logins.a.uri);
  expect(await seconds('wait')).toBe(await seconds('wait'));
  expect(await seconds('run')).toBeGreaterThan(0);
  await worker.finish(task, 'failed');
  expect(await seconds('run')).toBe(await seconds('run'));
});

test('no other role learns anything through the view, not with a function that is cheaper than its conditions', async () => {
  await stage.queue(stage.cast.sessions.b, 'select 1', 'secret');
  await a().query(
    `create or replace function pg_temp.leak(text) returns boolean language plpgsql cost 0.0000001 as $$
     begin raise notice '%', $1; return true; end $$`,
  );
  const notices: string[] = [];
  const listen = (notice: { message?: string | undefined }) => notices.push(notice.message ?? '');
  a().on('notice', listen);
  await a().query('select from lantern.task_status where pg_temp.leak(job_name)');
  a().off('notice', listen);
  expect(notices).toEqual([]);
});
