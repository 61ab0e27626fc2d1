// Queue requests from TypeScript and wait for their results, in a database where `lamplighter migrate` was run:
//   DATABASE_URL=postgresql://... npx tsx examples/enqueue-and-wait.ts
import process from 'node:process';
import pg from 'pg';
import { createClient, createWorker, hasCode } from '../src/index.ts';

// Usually a process of its own: lamplighter worker. Both find the database by DATABASE_URL.
const worker = await createWorker();
const client = createClient();

// Many requests in one statement; any number of waits share one connection.
const notes = ['A worker renews its lease.', 'Priority orders requests.', 'A failed request is tried again.'];
const ids = await client.embedBatch(notes);
const vectors = await Promise.all(ids.map((id) => client.wait(id)));
console.log(`${vectors.length} vectors of ${vectors[0]?.length} dimensions`);

// Inside your own transaction: the request exists when that commits, and never if it rolls back.
const db = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await db.connect();
await db.query('begin');
const ranking = await client.rerank({ query: 'Who renews a lease?', documents: notes }, { db, priority: 5 });
await db.query('commit');
await db.end();
const [best] = await client.wait(ranking, { timeoutMs: 10_000 });
console.log(best?.document);

// Errors have codes; the hint says what to do.
const poem = await client.generate('Write a poem', { model: 'nobody/serves-this' });
try {
  await client.wait(poem, { timeoutMs: 100 });
} catch (error) {
  if (!hasCode(error, 'REQUEST_TIMEOUT')) throw error;
  console.log(error.hint);
}
console.log(await client.cancel(poem), (await client.check(poem))?.status);

await client.close();
await worker.stop();
