import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, generate, untilStatus } from '../support/requests.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';
import { startTestWorker } from '../support/test-worker.ts';

/** What anybody may have written into any field. Were it run, it would open a dialog, set a variable or ask another host. */
export const ATTACK = `<img src=x onerror="alert(1)"><script>window.wasAttacked=1</script>'"><svg onload=alert(2)>`;

const TABLE = `t "<b onclick=alert(3)>"`;

/** A database with something in every state, and the attack in every field that a user fills. */
export interface Scene extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly requests: Readonly<Record<'completed' | 'failed' | 'pending' | 'processing' | 'cancelled', string>>;
  readonly tasks: Readonly<Record<'succeeded' | 'failed' | 'running', string>>;
}

async function queueRequests(db: TestDatabase): Promise<Scene['requests']> {
  const failing = await generate(db.pool, `failing ${ATTACK}`, { model: 'test/model' });
  const sqlWorker = await startSqlWorker(db.pool, { model: 'test/model' });
  await sqlWorker.finish(await sqlWorker.claim(), { kind: 'failed', error: `failed: ${ATTACK}\nand a second line` });
  const [completed = ''] = await embed(db.pool, [`completed ${ATTACK}`]);
  const [pending = '', cancelled = ''] = await embed(db.pool, ['pending', 'cancelled'], { model: `model ${ATTACK}` });
  const processing = await generate(db.pool, '!hang');
  await db.pool.query('select public.steadytext_cancel_async($1)', [cancelled]);
  return { completed, failed: failing, pending, processing, cancelled };
}

async function queueTasks(db: TestDatabase): Promise<Scene['tasks']> {
  const queue = (text: string) =>
    firstValue<string>(db.pool, 'select lantern.async_task($1, $2)::text', [text, `name ${ATTACK}`]);
  const quoted = ATTACK.replaceAll('"', '""');
  return {
    succeeded: await queue(`select 1 as "${quoted}"`),
    failed: await queue(`select "${quoted}"`),
    running: await queue('select pg_sleep(600)'),
  };
}

async function addJobs(db: TestDatabase): Promise<void> {
  const table = TABLE.replaceAll('"', '""');
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query(`create table "${table}" (id text primary key, body text)`);
  await db.pool.query(`insert into "${table}" values ('plain', 'a text'), ($1, '!invalid')`, [`key ${ATTACK}`]);
  await addJob(db, { table: TABLE });
}

async function stateOfTask(db: TestDatabase, jobid: string): Promise<string> {
  return firstValue(db.pool, 'select state from lantern.task_status where jobid = $1', [jobid]);
}

/** Takes some seconds: the states are come to by a worker and a daemon, which then go on. */
export async function createScene(): Promise<Scene> {
  const db = await createTestDatabase();
  await addJobs(db);
  const requests = await queueRequests(db);
  const tasks = await queueTasks(db);
  const worker = await startTestWorker({ uri: db.uri });
  const daemon = await startTestDaemon({ uri: db.uri });
  await untilStatus(db.pool, [requests.completed], 'completed');
  await untilStatus(db.pool, [requests.processing], 'processing');
  await eventually(async () => {
    const states = await Promise.all(Object.values(tasks).map((jobid) => stateOfTask(db, jobid)));
    if (states.join() !== 'succeeded,failed,running') throw new Error(`tasks are ${states.join()}`);
    const failures = await firstValue<string>(db.pool, 'select sum(failed)::text from lamplighter.embedding_status');
    if (failures !== '1') throw new Error(`${failures} rows of the job failed`);
  });
  return {
    db,
    requests,
    tasks,
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      await worker[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}
