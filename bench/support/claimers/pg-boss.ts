import PgBoss from 'pg-boss';
import { openPool } from '../bench-server.ts';
import { QUEUE } from '../contenders/pg-boss.ts';
import { contenderNamed } from '../contenders/registry.ts';
import type { Claimer } from './claimer.ts';

/** Claims by pg-boss's `fetch`. */
export async function openPgBossClaimer(uri: string): Promise<Claimer> {
  const contender = contenderNamed('pg-boss-batched');
  await contender.migrate(uri);
  const pool = openPool(uri);
  const boss = new PgBoss({ connectionString: uri, supervise: false, schedule: false, max: 1 });
  boss.on('error', () => undefined);
  await boss.start();
  let held: string[] = [];
  return {
    title: 'pg-boss',
    contender,
    pool,
    async claim(limit) {
      const jobs = await boss.fetch(QUEUE, { batchSize: limit });
      held.push(...jobs.map(({ id }) => id));
      return jobs.length;
    },
    async settle() {
      await boss.complete(QUEUE, held);
      held = [];
    },
    async close() {
      await boss.stop({ graceful: false, wait: true });
      await pool.end();
    },
  };
}
