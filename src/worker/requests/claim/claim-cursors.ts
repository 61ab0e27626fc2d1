import type { Clock } from '../../../core/clock.ts';
import { groupBy } from '../../../core/group-by.ts';
import type { Queryable } from '../../../db/query.ts';
import {
  claimRequests,
  claimRequestsAtOnce,
  type LaneRoom,
  listReady,
  type ReadyLevel,
  requestsAskedFor,
} from '../../../requests/claim-requests.ts';
import {
  type ClaimedRequest,
  type ClaimName,
  compareAge,
  type Lane,
  laneKey,
} from '../../../requests/claimed-request.ts';

/** Priorities of one role that a scan returns; lower ones are found once these are empty. */
const LEVELS_PER_ROLE = 8;
/** The same where others have locked the rows of all those, so that claims come back empty. */
const MOST_LEVELS_PER_ROLE = 4_096;
/** Scans may take this share of the time; more often they would compete with the claims, less often they would delay urgent requests. */
const SCAN_SHARE = 0.1;
const LONGEST_UNSCANNED_MS = 1_000;

/**
 * Where claims go on. A scan of the whole queue finds the levels that have ready requests: the roles and priorities of each lane. Claims
 * then go to one level after the other, each from the lowest row that may still be there. That keeps a claim off the dead index entries
 * that an open snapshot holds in front, which a plain claim reads anew each time (76k to 18k/s after 800k requests). The next scan finds
 * new levels, and rows below the remembered bound (late commits, retries). Without a backlog there is nothing to remember, and one
 * statement both scans and claims.
 */
export interface ClaimCursors {
  /** True when a scan is due: no level is known to have ready requests, or the last scan is too long ago. */
  isDue(): boolean;
  /** Makes the next `isDue` true. */
  expire(): void;
  /** True when no level is known, and no backlog either: {@link scanAndClaim} is the shorter way then. */
  isUnknown(): boolean;
  /** Claims all that is ready in the first lane that has anything; claims nothing where a scan has to come first, see `claimRequestsAtOnce`. */
  scanAndClaim(name: ClaimName, lanes: readonly LaneRoom[]): Promise<ClaimedRequest[]>;
  scan(lanes: readonly Lane[]): Promise<void>;
  hasReady(lane: Lane): boolean;
  /** Claims for one lane; roles take turns, so that one role's flood does not starve another's. */
  claim(name: ClaimName, lane: Lane, limit: number, isCareful?: boolean): Promise<ClaimedRequest[]>;
}

export function createClaimCursors(db: Queryable, clock: Clock): ClaimCursors {
  let levels = new Map<string, ReadyLevel[]>();
  const lastServed = new Map<string, string>();
  let nextScanAtMs = 0;
  let levelsPerRole = LEVELS_PER_ROLE;
  /** True when all claims since the last scan came back empty, and there was one. */
  let isInVain = false;
  let hasClaimed = false;
  /** True from a claim at once that found more than it could take, until a scan finds nothing. */
  let hasBacklog = false;

  return {
    isDue: () => levels.size === 0 || clock.nowMs() >= nextScanAtMs,
    expire() {
      nextScanAtMs = 0;
    },
    isUnknown: () => levels.size === 0 && !hasBacklog,
    async scanAndClaim(name, lanes) {
      // A failure may concern one lane only, which a scan finds out.
      hasBacklog = true;
      const requests = await claimRequestsAtOnce(db, { ...name, lanes });
      hasBacklog = requests === undefined;
      const last = requests?.at(-1);
      if (last !== undefined) lastServed.set(laneKey(last.lane), last.username);
      return requests ?? [];
    },
    async scan(lanes) {
      const startedMs = clock.nowMs();
      if (isInVain) levelsPerRole = Math.min(levelsPerRole * 2, MOST_LEVELS_PER_ROLE);
      const found = await listReady(db, lanes, levelsPerRole);
      if (found.length === 0) levelsPerRole = LEVELS_PER_ROLE;
      isInVain = false;
      hasClaimed = false;
      hasBacklog &&= found.length > 0;
      levels = groupBy(found, ({ lane }) => laneKey(lane));
      const endedMs = clock.nowMs();
      nextScanAtMs = endedMs + Math.min(LONGEST_UNSCANNED_MS, (endedMs - startedMs) / SCAN_SHARE);
    },
    hasReady: (lane) => levels.has(laneKey(lane)),
    async claim(name, lane, limit, isCareful = false) {
      const key = laneKey(lane);
      const roles = rotate(levels.get(key) ?? [], lastServed.get(key));
      const share = Math.ceil(limit / Math.max(1, roles.length));
      const tried = roles.flat();
      const claimed = await claimRequests(db, { ...name, lane, levels: tried, share, limit, isCareful });
      hasClaimed ||= claimed.length > 0;
      isInVain = !hasClaimed;
      // The requests come in turns, so the next claim goes on with the role after this one.
      const last = claimed.at(-1);
      if (last !== undefined) lastServed.set(key, last.username);
      const byRole = groupBy(claimed, ({ username }) => username);
      const left: ReadyLevel[] = [];
      let room = limit;
      for (const [at, own] of roles.entries()) {
        const given = byRole.get(own[0]?.username ?? '') ?? [];
        const asked = requestsAskedFor(room, roles.length - at, share);
        // A role that gave less than it was asked for has nothing left that this worker can have.
        if (given.length >= asked) left.push(...own.map((level) => raise(level, given)));
        room -= given.length;
      }
      if (left.length === 0) levels.delete(key);
      else levels.set(key, left);
      return claimed;
    },
  };
}

/** The levels by role, roles in order of name, beginning after the one that was served last. */
function rotate(levels: readonly ReadyLevel[], last: string | undefined): ReadyLevel[][] {
  const roles = [...groupBy(levels, ({ username }) => username)].sort(([a], [b]) => (a < b ? -1 : 1));
  const isNext = ([username]: [string, ReadyLevel[]]) => last !== undefined && username > last;
  const next = Math.max(0, roles.findIndex(isNext));
  return [...roles.slice(next), ...roles.slice(0, next)].map(([, own]) => own);
}

/** The level from the last of the claimed rows on. */
function raise(level: ReadyLevel, claimed: readonly ClaimedRequest[]): ReadyLevel {
  let last: Pick<ReadyLevel, 'createdUs' | 'id'> = level;
  for (const request of claimed)
    if (request.priority === level.priority && compareAge(request, last) > 0) last = request;
  return { ...level, createdUs: last.createdUs, id: last.id };
}
