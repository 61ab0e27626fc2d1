import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { Queryable } from '../../../db/query.ts';
import { claimQuarantined } from '../../../requests/claim-requests.ts';
import { type ClaimedRequest, type ClaimName, type Lane, laneKey } from '../../../requests/claimed-request.ts';
import type { InFlight, InFlightRequest } from '../in-flight.ts';
import type { ServedLanes } from '../lanes.ts';
import type { BatchRunner } from '../run/batch-runner.ts';

/** Requests in quarantine that run together while it is open which of them, if any, kills workers. */
const GROUP_LIMIT = 64;
/** How long the record of completions is awaited before the next group runs: somebody may have locked a row. */
const RECORD_MS = 1_000;
/** How long groups run one after the other before their lane may claim again, and how long that may go on. */
const TURN_MS = 1_000;

export interface QuarantineDeps {
  readonly db: Queryable;
  readonly served: ServedLanes;
  readonly runner: BatchRunner;
  readonly inFlight: InFlight;
  /** Claims under the worker's present id. */
  readonly claimAs: <T>(claim: (name: ClaimName) => Promise<T>) => Promise<{ claimed: T; name: ClaimName }>;
  /** Called when a lane may claim again. */
  readonly onOpen: () => void;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Runs requests in quarantine: reserves a group of one lane, lets that lane run empty while all others go on, runs the group in the next
 * free slot, and waits for the record of its completions. There is one group at a time, so that a death tells which it was. After a second
 * of groups their lane claims once as it always does.
 */
export interface Quarantine {
  /** Takes note that there may be requests in quarantine for this worker. */
  note(): void;
  /** True when a group is to be reserved now. */
  isDue(): boolean;
  /** Reserves a group, if there is one for this worker; true when it did. */
  reserve(): Promise<boolean>;
  /** True while the lane must claim nothing. */
  isClosed(lane: Lane): boolean;
  /** Ends the turn of the ordinary claims; true when there may be more to reserve. */
  endRest(): boolean;
  /** Gives back a group that does not run yet. */
  handBack(): void;
}

export function createQuarantine(deps: QuarantineDeps): Quarantine {
  const { db, served, runner, inFlight, claimAs, onOpen, log, clock } = deps;
  let isNoted = false;
  let closedKey: string | undefined;
  let reserved: readonly InFlightRequest[] = [];
  let turnEndMs: number | undefined;
  let restEndMs: number | undefined;

  /** Idle lanes first: another one has to run empty. */
  async function claim(): Promise<{ claimed: ClaimedRequest[]; name: ClaimName } | undefined> {
    const idle = served.lanes.filter((lane) => runner.isIdle(lane));
    const busy = served.lanes.filter((lane) => !idle.includes(lane));
    for (const lanes of [idle, busy]) {
      if (lanes.length === 0) continue;
      const rooms = lanes.map((lane) => ({
        ...lane,
        most: Math.min(GROUP_LIMIT, served.modelOf(lane).maxBatch[lane.functionName]),
      }));
      const answer = await claimAs((name) => claimQuarantined(db, name, rooms));
      if (answer.claimed.length > 0) return answer;
    }
    return undefined;
  }

  async function run(lane: Lane, group: readonly InFlightRequest[]): Promise<void> {
    const mates = inFlight
      .list()
      .filter((other) => laneKey(other.request.lane) === laneKey(lane) && !group.includes(other));
    const unwanted = watchAborts(group);
    await Promise.race([runner.idle(lane), unwanted.promise]);
    // The server takes requests for being in flight until their completions are recorded, and would charge nobody.
    if (!unwanted.signal.aborted) await settledSoon(mates, unwanted.signal);
    await runner.runNext(lane, group, { signal: unwanted.signal, onStart: () => (reserved = []) });
    reserved = [];
    await settledSoon(group);
    closedKey = undefined;
    onOpen();
  }

  async function settledSoon(requests: readonly InFlightRequest[], signal?: AbortSignal): Promise<void> {
    const settled = new AbortController();
    const end = () => settled.abort();
    void Promise.all(requests.map((entry) => entry.settled)).then(end);
    signal?.addEventListener('abort', end, { once: true });
    await clock.delay(RECORD_MS, settled.signal);
    signal?.removeEventListener('abort', end);
  }

  return {
    note() {
      isNoted = true;
    },
    isDue() {
      if (!isNoted || closedKey !== undefined) return false;
      const nowMs = clock.nowMs();
      if (restEndMs !== undefined && nowMs < restEndMs) return false;
      if (restEndMs === undefined && turnEndMs !== undefined && nowMs >= turnEndMs) {
        restEndMs = nowMs + TURN_MS;
        return false;
      }
      if (restEndMs !== undefined) turnEndMs = undefined;
      restEndMs = undefined;
      turnEndMs ??= nowMs + TURN_MS;
      return true;
    },
    async reserve() {
      // If the claim fails, the next heartbeat brings the next try.
      isNoted = false;
      const answer = await claim();
      const [first] = answer?.claimed ?? [];
      if (answer === undefined || first === undefined) {
        turnEndMs = undefined;
        return false;
      }
      isNoted = true;
      const { requestId, lane } = first;
      log.info(
        { requestId, requests: answer.claimed.length, lane: laneKey(lane) },
        'running in quarantine what workers died with',
      );
      reserved = inFlight.add(answer.name, answer.claimed);
      closedKey = laneKey(lane);
      void run(lane, reserved);
      return true;
    },
    isClosed: (lane) => closedKey === laneKey(lane),
    endRest() {
      if (restEndMs === undefined) return false;
      restEndMs = undefined;
      turnEndMs = undefined;
      return isNoted;
    },
    handBack() {
      for (const entry of reserved) inFlight.abort(entry, 'stopping');
    },
  };
}

/** Resolves, and aborts the signal, once each request of the group is aborted; until the executor sets `onAbort` for itself. */
function watchAborts(group: readonly InFlightRequest[]): {
  readonly promise: Promise<void>;
  readonly signal: AbortSignal;
} {
  const controller = new AbortController();
  const promise = new Promise<void>((resolve) => {
    const check = () => {
      if (group.some(({ abortReason }) => abortReason === undefined)) return;
      controller.abort();
      resolve();
    };
    for (const entry of group) entry.onAbort = check;
    check();
  });
  return { promise, signal: controller.signal };
}
