import { systemClock } from '../../../src/core/clock.ts';
import { resolveConnection } from '../../../src/db/connection/connection-settings.ts';
import { createPool } from '../../../src/db/pool.ts';
import { registerWorker, renewLease } from '../../../src/process/renew-lease.ts';
import { type ClaimedRequest, type Lane, laneKey } from '../../../src/requests/claimed-request.ts';
import { finishRequests } from '../../../src/requests/finish-requests.ts';
import { createClaimCursors } from '../../../src/worker/requests/claim/claim-cursors.ts';
import { openPool } from '../bench-server.ts';
import { contenderNamed } from '../contenders/registry.ts';
import type { Claimer } from './claimer.ts';

const LANE: Lane = { functionName: 'generate', model: 'default' };
/** Longer than any bench. */
const LEASE_MS = 86_400_000;

/** A busy worker renews its lease every 5 s. */
const CLAIMS_PER_LEASE = 50;
const IDLE = { status: 'running', concurrency: 1, inFlight: 0, processed: 0, failed: 0 } as const;

/** Claims as our worker does: a look at what is ready when one is due, then a claim. */
export async function openLamplighterClaimer(uri: string): Promise<Claimer> {
  const contender = contenderNamed('lamplighter-batched');
  await contender.migrate(uri);
  const pool = openPool(uri);
  const db = createPool(resolveConnection({ uri }, {}), { max: 1 });
  const workerId = await registerWorker(db, {
    hostname: 'bench',
    pid: 1,
    version: 'bench',
    lanes: [laneKey(LANE)],
    concurrency: 1,
    leaseMs: LEASE_MS,
  });
  const cursors = createClaimCursors(db, systemClock);
  let held: ClaimedRequest[] = [];
  let claimNumber = 0;
  const settledClaims: number[] = [];
  return {
    title: 'Lamplighter',
    contender,
    pool,
    async claim(limit) {
      if (cursors.isDue()) await cursors.scan([LANE]);
      claimNumber += 1;
      const claimed = await cursors.claim({ workerId, claimNumber }, LANE, limit);
      held.push(...claimed);
      return claimed.length;
    },
    async settle() {
      const ends = held.map(({ id, attempt }) => ({
        id,
        attempt,
        outcome: { kind: 'completed', result: 'ok' } as const,
      }));
      held = [];
      await finishRequests(db, ends, { workerId, maxRetries: 3 });
      settledClaims.push(claimNumber);
      if (settledClaims.length < CLAIMS_PER_LEASE) return;
      await renewLease(db, { ...IDLE, workerId, settledClaims: settledClaims.splice(0) });
    },
    async close() {
      await db.end();
      await pool.end();
    },
  };
}
