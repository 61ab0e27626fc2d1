import type { RequestFunction } from '../../src/core/request-functions.ts';
import type { Queryable } from '../../src/db/query.ts';
import { type LeaseReport, registerWorker, renewLease } from '../../src/process/renew-lease.ts';
import { claimQuarantined, claimRequests, listReady } from '../../src/requests/claim-requests.ts';
import { type ClaimedRequest, type Lane, laneKey } from '../../src/requests/claimed-request.ts';
import { type Finished, type FinishOptions, finishRequests, type Outcome } from '../../src/requests/finish-requests.ts';

export interface SqlWorkerOptions {
  readonly functions?: readonly RequestFunction[];
  /** @default 'default' */
  readonly model?: string;
  /** @default 4 */
  readonly concurrency?: number;
  /** @default 30000 */
  readonly leaseMs?: number;
}

export interface ClaimOptions {
  /** @default 100 */
  readonly limit?: number;
  /** Most requests of one role. @default the limit */
  readonly share?: number;
}

/** A worker whose every step the test takes by hand: it has a lease, and calls the engine as the real one does. */
export interface SqlWorker {
  readonly workerId: string;
  /** Claims from each lane in turn, `limit` rows each at most. */
  claim(options?: ClaimOptions): Promise<ClaimedRequest[]>;
  /** Claims one request and fails when nothing is ready. */
  claimOne(): Promise<ClaimedRequest>;
  /** Claims requests in quarantine to be run together, this many at most. */
  claimQuarantined(most: number): Promise<ClaimedRequest[]>;
  /** Ends all these requests alike; the new status by id. */
  finish(
    requests: readonly ClaimedRequest[],
    outcome: Outcome,
    options?: Partial<FinishOptions>,
  ): Promise<Finished['statuses']>;
  /** Claims whatever is ready and completes it with `result`; how many. */
  answer(result: string): Promise<number>;
  /** False when the lease was lost. */
  renewLease(report?: Partial<LeaseReport>): Promise<boolean>;
  /** Whether a heartbeat tells it of requests in quarantine. */
  hasQuarantined(): Promise<boolean>;
  /** Makes its last heartbeat so old that its lease has run out, as if it had been killed. */
  fallSilent(): Promise<void>;
}

/** Registers a {@link SqlWorker}; `db` may be a pool, a session or a transaction. */
export async function startSqlWorker(db: Queryable, options: SqlWorkerOptions = {}): Promise<SqlWorker> {
  const { functions = ['embed', 'generate', 'rerank'], model = 'default', concurrency = 4, leaseMs = 30_000 } = options;
  const lanes: Lane[] = functions.map((functionName) => ({ functionName, model }));
  const workerId = await registerWorker(db, {
    hostname: 'test-host',
    pid: 4711,
    version: '0.0.0',
    lanes: lanes.map(laneKey),
    concurrency,
    leaseMs,
  });

  let claimNumber = 0;
  let isSilent = false;
  const nextClaim = () => {
    claimNumber += 1;
    return { workerId, claimNumber };
  };

  async function claim({ limit = 100, share = limit }: ClaimOptions = {}): Promise<ClaimedRequest[]> {
    const ready = await listReady(db, lanes, 10);
    const claimed: ClaimedRequest[] = [];
    for (const lane of lanes) {
      const levels = ready.filter((level) => level.lane.functionName === lane.functionName);
      if (levels.length > 0) claimed.push(...(await claimRequests(db, { ...nextClaim(), lane, levels, share, limit })));
    }
    return claimed;
  }

  const takeQuarantined = (most: number) =>
    claimQuarantined(
      db,
      nextClaim(),
      lanes.map((lane) => ({ ...lane, most })),
    );

  async function finish(
    requests: readonly ClaimedRequest[],
    outcome: Outcome,
    finishOptions: Partial<FinishOptions> = {},
  ) {
    const finishes = requests.map(({ id, attempt }) => ({ id, attempt, outcome }));
    return (await finishRequests(db, finishes, { workerId, maxRetries: 3, ...finishOptions })).statuses;
  }

  async function renew(report: Partial<LeaseReport> = {}) {
    if (isSilent)
      await db.query('update lamplighter.worker set lease_ms = $2 where worker_id = $1', [workerId, leaseMs]);
    isSilent = false;
    const figures = { concurrency, inFlight: 0, processed: 0, failed: 0, settledClaims: [] };
    return renewLease(db, { workerId, status: 'running', ...figures, ...report });
  }

  return {
    workerId,
    claim,
    async claimOne() {
      const [request] = await claim({ limit: 1 });
      if (request === undefined) throw new Error('expected a request that is ready');
      return request;
    },
    claimQuarantined: takeQuarantined,
    finish,
    async answer(result) {
      const claimed = await claim();
      await finish(claimed, { kind: 'completed', result });
      return claimed.length;
    },
    renewLease: async (report = {}) => (await renew(report)).isAlive,
    hasQuarantined: async () => (await renew()).hasQuarantined,
    async fallSilent() {
      isSilent = true;
      // The lease is shortened as well: silence counts from the server's start at the earliest.
      await db.query(
        `update lamplighter.worker set last_heartbeat = last_heartbeat - interval '1 hour', lease_ms = 0 where worker_id = $1`,
        [workerId],
      );
    },
  };
}
