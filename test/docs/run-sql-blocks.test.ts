import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { connectClient } from '../../src/db/connect-client.ts';
import { resolveConnection } from '../../src/db/connection-settings.ts';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { createWorker } from '../../src/worker/create-worker.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { type CodeBlock, readPages } from './markdown-page.ts';
import { splitStatements } from './split-statements.ts';

/** What the pages ask their reader to do before: a caller, a loopback connection, a worker. */
async function setUp(db: TestDatabase): Promise<{ caller: TestRole; stop(): Promise<void> }> {
  const caller = await db.createRole('caller');
  await db.pool.query(`grant create on schema public to ${pg.escapeIdentifier(caller.name)}`);
  const owner = resolveConnection({ uri: db.uri }, {});
  const session = await connectClient(owner);
  const { host, port, database, user, password = '' } = owner;
  const loopbackDsn = `host=${host} port=${port} dbname=${database} user=${user} password=${password}`;
  await migrate(session, { grant: [caller.name], loopbackDsn });
  await session.end();
  return { caller, ...(await createWorker({ uri: db.uri })) };
}

async function connect(uri: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  return client;
}

/** The cells of a result as psql shows them, header first. */
function cellsOf({ fields, rows }: pg.QueryResult<unknown[]>): string[][] {
  return [fields.map(({ name }) => name), ...rows.map((row) => row.map((value) => String(value ?? '')))];
}

function readTable(text: string): string[][] {
  const lines = text.split('\n').filter((line) => /[^-+\s]/.test(line));
  return lines.map((line) => line.split('|').map((cell) => cell.trim()));
}

const pages = readPages()
  .map((page) => ({ ...page, blocks: page.blocks.filter(({ language, marks }) => isRun(language, marks)) }))
  .filter(({ blocks }) => blocks.length > 0);

function isRun(language: string, marks: readonly string[]): boolean {
  return (language === 'sql' && marks.includes('run')) || (language === 'text' && marks.includes('result'));
}

test.each(pages)('the SQL in $path runs and shows what it says', async ({ path, blocks }) => {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const { caller, stop } = await setUp(db);
  onTestFinished(stop);
  const clients = { owner: await connect(db.uri), caller: await connect(caller.uri) };
  onTestFinished(async () => {
    await clients.owner.end();
    await clients.caller.end();
  });

  let last: pg.QueryResult<unknown[]> | undefined;
  async function run({ language, marks, text, line }: CodeBlock): Promise<void> {
    if (language === 'text') {
      expect(last && cellsOf(last), `${path}:${line}`).toEqual(readTable(text));
      return;
    }
    const client = marks.includes('caller') ? clients.caller : clients.owner;
    for (const statement of splitStatements(text)) {
      last = await client.query<unknown[]>({ text: statement, rowMode: 'array' }).catch((error: unknown) => {
        throw new Error(`${path}:${line}: ${statement}`, { cause: error });
      });
    }
  }
  for (const block of blocks) await run(block);
});
