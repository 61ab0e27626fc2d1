/**
 * Callers in a process of their own, each with a connection, who enqueue one request after the other as fast as they are served.
 * Arguments: URI, number of callers. A message with milliseconds starts them; they answer with how many requests were committed.
 */
import process from 'node:process';
import pg from 'pg';

const [uri = '', callers = '1'] = process.argv.slice(2);
const clients = await Promise.all(
  Array.from({ length: Number(callers) }, async () => {
    const client = new pg.Client({ connectionString: uri });
    await client.connect();
    return client;
  }),
);

async function enqueueUntil(client: pg.Client, deadlineMs: number): Promise<number> {
  let committed = 0;
  for (; performance.now() < deadlineMs; committed += 1) {
    await client.query({
      name: 'enqueue',
      text: 'select public.steadytext_generate_async($1, 16, false)',
      values: [`request ${committed}`],
    });
  }
  return committed;
}

process.on('message', (durationMs: number) => {
  const deadlineMs = performance.now() + durationMs;
  Promise.all(clients.map((client) => enqueueUntil(client, deadlineMs))).then(
    (counts) => process.send?.(counts.reduce((sum, count) => sum + count, 0)),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// Its parent is gone: so is the reason to call.
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
