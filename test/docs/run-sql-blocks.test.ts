import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createDaemon } from '../../src/daemon/create-daemon.ts';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { runInTransaction } from '../../src/db/transaction.ts';
import { createJobsTable } from '../../src/embeddings/jobs/create-jobs-table.ts';
import { createWorker } from '../../src/worker/create-worker.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { docsProvider, WRITER } from './docs-provider.ts';
import { type CodeBlock, readPages } from './markdown-page.ts';
import { asShown, readPsqlOutput, type ShownCells } from './psql-output.ts';
import { splitStatements } from './split-statements.ts';

/**
 * What the pages ask their reader to do before: a caller, a loopback connection, a worker, and a jobs table with a daemon where the page makes
 * no such table itself.
 */
async function setUp(db: TestDatabase, makesJobs: boolean): Promise<{ caller: TestRole; stop(): Promise<void> }> {
  const caller = await db.createRole('caller');
  await db.pool.query(`grant create on schema public to ${pg.escapeIdentifier(caller.name)}`);
  const owner = resolveConnection({ uri: db.uri }, {});
  const session = await connectClient(owner);
  const { host, port, database, user, password = '' } = owner;
  const loopbackDsn = `host=${host} port=${port} dbname=${database} user=${user} password=${password}`;
  await migrate(session, { grant: [caller.name], loopbackDsn });
  if (!makesJobs) await runInTransaction(session, (transaction) => createJobsTable(transaction, JOBS_TABLE));
  await session.end();
  const worker = await createWorker({ uri: db.uri, providers: [docsProvider], generateModel: WRITER });
  const daemon = makesJobs ? undefined : await createDaemon({ uri: db.uri, ...JOBS_TABLE, pollIntervalMs: 50 });
  return {
    caller,
    async stop() {
      await daemon?.stop();
      await worker.stop();
    },
  };
}

const JOBS_TABLE = { schema: 'public', table: 'jobs' };

async function connect(uri: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  return client;
}

/** The cells of a result as psql shows them, names of columns first. */
function cellsOf({ fields, rows }: pg.QueryResult<unknown[]>): ShownCells {
  const cells = rows.map((row) => row.map((value) => String(value ?? '').trim()));
  return [fields.map(({ name }) => name), ...cells.filter((row) => row.some((cell) => cell !== ''))];
}

/** Everything as the text that the server sends. */
const AS_TEXT = { getTypeParser: () => (value: unknown) => value };

const pages = readPages()
  .map((page) => ({ ...page, blocks: page.blocks.filter(({ language, marks }) => isRun(language, marks)) }))
  .filter(({ blocks }) => blocks.length > 0);

function isRun(language: string, marks: readonly string[]): boolean {
  return (language === 'sql' && marks.includes('run')) || (language === 'text' && marks.includes('result'));
}

test.each(pages)('the SQL in $path runs and shows what it says', async ({ path, blocks }) => {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const { caller, stop } = await setUp(
    db,
    blocks.some(({ text }) => /create table "public"."jobs"/i.test(text)),
  );
  onTestFinished(stop);
  const clients = { owner: await connect(db.uri), caller: await connect(caller.uri) };
  onTestFinished(async () => {
    await clients.owner.end();
    await clients.caller.end();
  });

  let query: () => Promise<ShownCells> = async () => [];
  let last: ShownCells = [];
  async function run({ language, marks, text, line }: CodeBlock): Promise<void> {
    if (language === 'text') {
      const shown = readPsqlOutput(text);
      const compare = (found: ShownCells) => expect(asShown(found, shown), `${path}:${line}`).toEqual(shown);
      // Of what happens in the background the page shows how it ends.
      await (marks.includes('eventually') ? eventually(async () => compare(await query())) : compare(last));
      return;
    }
    const client = marks.includes('caller') ? clients.caller : clients.owner;
    for (const statement of splitStatements(text)) {
      query = async () => cellsOf(await client.query<unknown[]>({ text: statement, rowMode: 'array', types: AS_TEXT }));
      last = await query().catch((error: unknown) => {
        throw new Error(`${path}:${line}: ${statement}`, { cause: error });
      });
    }
  }
  for (const block of blocks) await run(block);
});
