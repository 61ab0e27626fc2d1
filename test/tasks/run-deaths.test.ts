import process from 'node:process';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Fault, type FaultProxy, type Moment, startFaultProxy } from '../faults/support/fault-proxy.ts';
import { type FaultServer, startFaultServer } from '../faults/support/fault-server.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs } from '../support/owned-database.ts';
import { spawnProcess } from '../support/process.ts';
import { type EndedTask, queueTask, type Runner, startRunner } from './run-stage.ts';

let server: FaultServer;
let proxy: FaultProxy;
let pool: pg.Pool;
let ownerUri: string;
let uri: string;
let runner: Runner;
beforeAll(async () => {
  server = await startFaultServer({ max_prepared_transactions: '4' });
  proxy = await startFaultProxy(server.port);
  const database = await server.createDatabase();
  const ann = await database.createRole();
  ownerUri = database.uri;
  await migrateAs(ownerUri, { grant: [ann.name] });
  pool = new pg.Pool({ connectionString: ownerUri, max: 4 });
  pool.on('error', () => undefined);
  await pool.query(`
    create table effect (jobid bigint, step int, at timestamptz default clock_timestamp());
    alter table effect owner to ${ann.name};
    grant create on schema public to ${ann.name};
    create table death (n int);
    grant select on death to ${ann.name};
    alter database ${new URL(ownerUri).pathname.slice(1)} set synchronous_commit = local;
    alter role ${ann.name} set synchronous_commit = on;
    create procedure two_steps() language plpgsql as $$
    begin
      insert into effect select split_part(current_setting('application_name'), ' ', 3)::bigint, 1;
      commit;
      insert into effect select split_part(current_setting('application_name'), ' ', 3)::bigint, 2;
    end $$;
  `);
  uri = ann.uri;
  runner = await startRunner({ pool, uri: proxy.through(uri) });
});
afterAll(async () => {
  await runner?.[Symbol.asyncDispose]();
  await pool?.end();
  await proxy?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const insert = (step: number) =>
  `insert into effect select split_part(current_setting('application_name'), ' ', 3)::bigint, ${step}`;

const TEXTS = {
  wrapped: `${insert(1)}; ${insert(2)}`,
  'with its own COMMIT': `begin; ${insert(1)}; ${insert(2)}; commit`,
  bare: `${insert(1)}; commit; ${insert(2)}`,
  'found to be bare': 'call two_steps()',
} as const;
type TextName = keyof typeof TEXTS;

type Step = readonly [statement: RegExp, moment: Moment];
const TEXT = /effect|two_steps/;
const WRAPPED: readonly Step[] = [
  [/^begin read write/, 'request'],
  [/record_task_outcome/, 'request'],
  [/application_name', \$1/, 'request'],
  [TEXT, 'request'],
  [/^commit$/, 'request'],
  [/^commit$/, 'answer'],
];
const MARKED: readonly Step[] = [
  [/^begin isolation/, 'request'],
  [/mark_task_bare/, 'request'],
  [/^commit$/, 'request'],
  [/^commit$/, 'answer'],
];
const STEPS: Readonly<Record<TextName, readonly Step[]>> = {
  wrapped: WRAPPED,
  'with its own COMMIT': [
    [TEXT, 'request'],
    [TEXT, 'answer'],
  ],
  bare: [...MARKED, [TEXT, 'request'], [TEXT, 'answer']],
  'found to be bare': [[/^rollback/, 'request'], ...MARKED],
};

/** Who dies while a statement is held on its way to the server, or its answer on the way back. */
type Death = 'worker' | 'session' | 'backend' | 'server' | 'network';
const DEATHS: Readonly<Record<Exclude<Death, 'worker'>, (pid: number) => Promise<unknown>>> = {
  session: (pid) => pool.query('select pg_terminate_backend($1)', [pid]),
  backend: async (pid) => process.kill(pid, 'SIGKILL'),
  server: async () => {
    await server.stop('immediate');
    await server.start();
  },
  network: async () => proxy.strikeAll('cut'),
};

/** The backend of the only session of a task. */
const backend = () =>
  eventually(async () => {
    const { rows } = await pool.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name like 'lamplighter task%'",
    );
    const [row] = rows;
    if (row === undefined) throw new Error('no session of a task');
    return row.pid;
  });

const struck = (fault: Fault) => eventually(() => expect(fault.strikes).toBeGreaterThan(0), { timeoutMs: 15_000 });

async function dieAt(name: TextName, [statement, moment]: Step, death: Death): Promise<EndedTask> {
  const jobid = await queueTask(uri, TEXTS[name]);
  const fault = proxy.arm({ statement, moment, blow: 'hold' });
  let ended: EndedTask;
  if (death === 'worker') {
    const worker = spawnProcess('test/tasks/run-worker-process.ts', [ownerUri, proxy.through(uri), jobid]);
    await struck(fault);
    worker.kill('SIGKILL');
    await worker.exited;
    fault.disarm();
    await buryOthers();
    ended = await runner.settle(jobid);
  } else {
    const settled = runner.settle(jobid);
    await struck(fault);
    await DEATHS[death](await backend());
    fault.disarm();
    ended = await settled;
  }
  await expectConsistent(name, jobid, ended);
  return ended;
}

/** Nothing twice, nothing lost, and no verdict that the effects deny. */
async function expectConsistent(name: TextName, jobid: string, { status, guarantee }: EndedTask): Promise<void> {
  const steps = await eventually(async () =>
    (await pool.query<{ step: number }>('select step from effect where jobid = $1 order by step', [jobid])).rows.map(
      (row) => row.step,
    ),
  );
  const isBare = name === 'bare' || name === 'found to be bare';
  if (status === 'succeeded') expect(steps).toEqual([1, 2]);
  else expect(isBare ? [[], [1], [1, 2]] : [[]]).toContainEqual(steps);
  expect(['succeeded', 'failed']).toContain(status);
  if (!isBare && status === 'succeeded') expect(guarantee).toBe('exactly once');
}

const ALL_DEATHS: readonly Death[] = ['worker', 'session', 'network', 'backend', 'server'];
const isStorm = process.env['LAMPLIGHTER_STORM_SECONDS'] !== undefined;

/** Each step with each death in a storm; else with two of them, in turn. */
const CASES = (Object.keys(TEXTS) as TextName[]) // the keys of a literal
  .flatMap((name) => STEPS[name].map((step) => ({ name, step })))
  .flatMap(({ name, step: [statement, moment] }, i) =>
    ALL_DEATHS.filter((_, j) => isStorm || (i + j) % 5 === 0 || (i + j) % 5 === 2).map(
      (death) =>
        [
          `${name}, death of the ${death} at the ${moment} of ${statement}`,
          { name, death, statement, moment },
        ] as const,
    ),
  );

describe('effects and verdict agree:', () => {
  test.each(CASES)('%s', { timeout: 60_000 }, async (_, { name, death, statement, moment }) => {
    const { status } = await dieAt(name, [statement, moment], death);
    // Whoever terminates the session of a task ends the task.
    if (death !== 'session' && (name === 'wrapped' || name === 'with its own COMMIT')) expect(status).toBe('succeeded');
  });

  test('a worker that dies while the text runs, which is run again when its backend is gone', {
    timeout: 60_000,
  }, async () => {
    const jobid = await queueTask(uri, `${TEXTS.wrapped}; select pg_sleep(600) where not exists (select from death)`);
    const worker = spawnProcess('test/tasks/run-worker-process.ts', [ownerUri, uri, jobid]);
    const pid = await asleep('PgSleep');
    await pool.query('insert into death values (1)');
    worker.kill('SIGKILL');
    await worker.exited;
    await buryOthers();
    const ended = await runner.settle(jobid);
    expect(ended).toMatchObject({ status: 'succeeded', attempts: 2 });
    expect((await pool.query('select from pg_stat_activity where pid = $1', [pid])).rows).toEqual([]);
    await expectConsistent('wrapped', jobid, ended);
  });
});

/** For queueing itself. */
const LOCALLY = 'set synchronous_commit = local';

describe('a COMMIT that waits for a standby', () => {
  beforeAll(() => standby('nosuch'));
  afterAll(() => standby(''));

  test.each<[string, (pid: number) => Promise<unknown>]>([
    ['cancelled', (pid) => pool.query('select pg_cancel_backend($1)', [pid])],
    ['terminated', (pid) => pool.query('select pg_terminate_backend($1)', [pid])],
  ])('has applied the text when it is %s', async (_, blow) => {
    const jobid = await queueTask(uri, TEXTS.wrapped, LOCALLY);
    const settled = runner.settle(jobid);
    await blow(await asleep('SyncRep'));
    const ended = await settled;
    expect(ended).toMatchObject({ status: 'succeeded', attempts: 1 });
    await expectConsistent('wrapped', jobid, ended);
  });

  test('holds up the verdict, and whoever would run the text again, when its worker is gone', async () => {
    const jobid = await queueTask(uri, TEXTS.wrapped, LOCALLY);
    const settled = runner.settle(jobid);
    const pid = await asleep('SyncRep');
    proxy.strikeAll('cut');
    await eventually(async () => {
      const { rows } = await pool.query('select * from lamplighter.task_run where jobid = $1', [jobid]);
      expect(rows).toMatchObject([{ state: 'running', pid, attempt: 1 }]);
    });
    await standby('');
    const ended = await settled;
    await standby('nosuch');
    expect(ended).toMatchObject({ status: 'succeeded', attempts: 1 });
    await expectConsistent('wrapped', jobid, ended);
  });
});

test('a text that prepares its transaction succeeds, and another one commits that', async () => {
  const jobid = await queueTask(uri, `begin; ${insert(1)}; ${insert(2)}; prepare transaction 'two'`);
  const ended = await runner.settle(jobid);
  expect(ended).toMatchObject({ status: 'succeeded', guarantee: 'at most once', tag: 'PREPARE TRANSACTION' });
  const commit = await runner.settle(await queueTask(uri, "commit prepared 'two'"));
  expect(commit).toMatchObject({ status: 'succeeded', guarantee: 'at most once', tag: 'COMMIT PREPARED' });
  await expectConsistent('bare', jobid, ended);
});

describe('an index that is left invalid is named, with what drops it,', () => {
  const TEXT_OF_INDEX = 'set lock_timeout = 0; create index concurrently effect_step on effect (step)';
  const NAMED = 'The index public.effect_step is invalid; drop it with: DROP INDEX CONCURRENTLY public.effect_step;\n';
  let blocker: pg.PoolClient;
  beforeEach(async () => {
    blocker = await pool.connect();
    await blocker.query('begin; insert into effect values (0, 0)');
  });
  afterEach(async () => {
    await blocker.query('rollback');
    blocker.release();
    await pool.query('drop index if exists effect_step');
  });

  test('when its worker dies', { timeout: 60_000 }, async () => {
    const jobid = await queueTask(uri, TEXT_OF_INDEX);
    const worker = spawnProcess('test/tasks/run-worker-process.ts', [ownerUri, uri, jobid]);
    await asleep('virtualxid');
    worker.kill('SIGKILL');
    await worker.exited;
    await buryOthers();
    expect(await runner.settle(jobid)).toMatchObject({
      status: 'failed',
      error: `worker lost while running a statement that cannot be retried\n${NAMED}`,
      guarantee: 'at most once',
    });
  });

  test('when it is cancelled', async () => {
    const jobid = await queueTask(uri, TEXT_OF_INDEX);
    const settled = runner.settle(jobid);
    const pid = await asleep('virtualxid');
    await pool.query(`set role ${new URL(uri).username}; select lantern.cancel_async_task(${jobid}); reset role`);
    await pool.query('select pg_cancel_backend($1)', [pid]);
    expect(await settled).toMatchObject({ status: 'canceled', error: `Canceled by user\n${NAMED}` });
  });
});

/** The pid of the task's session, once it waits for that. */
function asleep(event: string): Promise<number> {
  return eventually(async () => {
    const { rows } = await pool.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name like 'lamplighter task%' and wait_event = $1",
      [event],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`no task waits for ${event}`);
    return row.pid;
  });
}

const buryOthers = () =>
  pool.query("update lamplighter.worker set status = 'dead', died_at = now() where worker_id <> $1", [runner.workerId]);

/** Commits of the task's role wait for that standby, all others for none. */
async function standby(name: string): Promise<void> {
  await pool.query(`alter system set synchronous_standby_names = '${name}'`);
  await pool.query('select pg_reload_conf()');
}
