import { makeWithPgClientFromPool } from 'graphile-worker/dist/helpers.js';
import { makeEnhancedWithPgClient, processSharedOptions } from 'graphile-worker/dist/lib.js';
import { batchGetJobs } from 'graphile-worker/dist/sql/getJobs.js';
import { openPool } from '../bench-server.ts';
import { quietLogger } from '../contenders/graphile-worker.ts';
import { contenderNamed } from '../contenders/registry.ts';
import type { Claimer } from './claimer.ts';

const WORKER = 'bench';

/** Claims by the statement that graphile-worker's local queue uses; that module is internal to it. */
export async function openGraphileClaimer(uri: string): Promise<Claimer> {
  const contender = contenderNamed('graphile-batched');
  await contender.migrate(uri);
  const pool = openPool(uri);
  const shared = processSharedOptions({ pgPool: pool, logger: quietLogger });
  const withClient = makeEnhancedWithPgClient(makeWithPgClientFromPool(pool));
  const tasks = { noop: () => undefined };
  return {
    title: 'graphile-worker',
    contender,
    pool,
    claim: async (limit) => (await batchGetJobs(shared, withClient, tasks, WORKER, null, limit)).length,
    async settle() {
      await pool.query('delete from graphile_worker._private_jobs where locked_by = $1', [WORKER]);
    },
    close: () => pool.end(),
  };
}
