import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { type Contender, isEmpty } from './contender.ts';

interface Payload {
  readonly prompt: string;
}

export const quietLogger = new Logger(() => () => undefined);

/** graphile-worker; with `batch` it fetches that many jobs at once and completes jobs together, its fastest configuration. */
export function defineGraphileWorker(options: {
  readonly title: string;
  readonly batch?: number;
  readonly concurrentJobs: number;
}): Contender {
  const { title, batch, concurrentJobs } = options;
  return {
    title,
    table: 'graphile_worker._private_jobs',
    async migrate(uri) {
      const utils = await makeWorkerUtils({ connectionString: uri, logger: quietLogger });
      await utils.migrate();
      await utils.release();
    },
    async fill(pool, count) {
      await pool.query(
        `select graphile_worker.add_jobs(array(
           select row('noop', json_build_object('prompt', 'request ' || n, 'max_tokens', 16, 'use_cache', false, 'seed', 42),
                      null, null, null, null, null, null)::graphile_worker.job_spec
           from generate_series(1, $1::integer) as n))`,
        [count],
      );
    },
    async clear(pool) {
      await pool.query('truncate graphile_worker._private_jobs');
    },
    isDrained: (pool) => isEmpty(pool, 'select 1 from graphile_worker._private_jobs limit 1'),
    async enqueue(db, prompt) {
      await db.query("select graphile_worker.add_job('noop', $1::json)", [JSON.stringify({ prompt })]);
    },
    async startWorker(uri, onHandled) {
      const runner = await run({
        connectionString: uri,
        noHandleSignals: true,
        logger: quietLogger,
        taskList: {
          noop: async (payload) => onHandled(1, () => [(payload as Payload).prompt]), // as enqueued by us
        },
        preset: {
          worker: {
            concurrentJobs,
            maxPoolSize: 10,
            ...(batch === undefined
              ? {}
              : { localQueue: { size: batch }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }),
          },
        },
      });
      return { stop: () => runner.stop() };
    },
  };
}
