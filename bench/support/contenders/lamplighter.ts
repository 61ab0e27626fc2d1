import { connectClient } from '../../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../../src/db/connection/connection-settings.ts';
import { migrate } from '../../../src/db/migrate/migrate.ts';
import { createWorker } from '../../../src/worker/create-worker.ts';
import { createNullProvider, NULL_MODEL } from '../null-provider.ts';
import { type Contender, isEmpty } from './contender.ts';

/**
 * Ours; `maxBatch` is how many requests the model takes at once, `concurrency` how many batches run, by default as it comes; `isHolding`
 * a model that never answers, `retentionMs` the age at which ended requests are deleted.
 */
export function defineLamplighter(options: {
  readonly title: string;
  readonly maxBatch: number;
  readonly concurrency?: number;
  readonly isHolding?: boolean;
  readonly retentionMs?: number;
}): Contender {
  const { title, maxBatch, concurrency, isHolding = false, retentionMs } = options;
  return {
    title,
    table: 'public.steadytext_queue',
    async migrate(uri) {
      const session = await connectClient(resolveConnection({ uri }, {}));
      await migrate(session);
      await session.query("select lamplighter.set('max_queue_size', '0')");
      await session.end();
    },
    async fill(pool, count) {
      await pool.query(
        `insert into public.steadytext_queue (function_name, parameters)
         select 'generate', jsonb_build_object('prompt', 'request ' || n, 'max_tokens', 16, 'use_cache', false, 'seed', 42)
         from generate_series(1, $1::integer) as n`,
        [count],
      );
    },
    async clear(pool) {
      await pool.query('truncate public.steadytext_queue');
    },
    // By the primary key: no index is on the status of what has ended.
    isDrained: (pool, latest) =>
      isEmpty(
        pool,
        `select 1 from public.steadytext_queue
         where id > (select max(id) - $1::integer from public.steadytext_queue) and status in ('pending', 'processing') limit 1`,
        [latest],
      ),
    async enqueue(db, prompt) {
      await db.query('select public.steadytext_generate_async($1, 16, false)', [prompt]);
    },
    startWorker: (uri, onHandled) =>
      createWorker({
        uri,
        providers: [createNullProvider({ maxBatch, onHandled, isHolding })],
        generateModel: NULL_MODEL,
        functions: ['generate'],
        ...(concurrency === undefined ? {} : { concurrency }),
        ...(retentionMs === undefined ? {} : { retentionMs }),
      }),
  };
}
