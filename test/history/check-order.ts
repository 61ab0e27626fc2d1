import { groupBy } from '../../src/core/group-by.ts';
import type { Change, RequestState } from './journal.ts';
import type { Report } from './violation.ts';
import { findWaits, type Wait } from './waits.ts';

export interface OrderOptions {
  /** How long a ready request may be passed over: workers look at the whole queue once a second. */
  readonly slackUs: number;
  /** Requests that may be passed over: somebody has locked them. */
  readonly locked: ReadonlySet<string>;
  readonly freezes: readonly Freeze[];
}

/** A worker that was stopped in mid-claim: what it knew of the queue was old, so that what it passed over then does not count. */
export interface Freeze {
  /** Its login. */
  readonly actor: string;
  /** Milliseconds since 1970; `toMs` is when it had looked again. */
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Checks that within a lane and role nothing was passed over for longer than the slack: between the first and the last claim of requests
 * that come after it, made while it was ready for all to see.
 */
export function checkOrder(changes: readonly Change[], options: OrderOptions, report: Report): void {
  const waits = findWaits(changes).filter(({ requestId }) => !options.locked.has(requestId));
  const isStale = ({ actor, atUs }: Change) =>
    options.freezes.some(
      (freeze) => freeze.actor === actor && atUs >= freeze.fromMs * 1e3 && atUs <= freeze.toMs * 1e3,
    );
  const claims = changes.filter((change) => {
    const { before, after } = change;
    // A rescued request has its turn alone, whatever its priority.
    const isClaim = before?.status === 'pending' && after?.status === 'processing' && before.runAt === null;
    return isClaim && !isStale(change);
  });
  const claimsByLane = groupBy(claims, ({ after }) => laneOf(after));
  for (const [lane, laneWaits] of groupBy(waits, ({ state }) => laneOf(state))) {
    const laneClaims = claimsByLane.get(lane) ?? [];
    for (const wait of laneWaits) checkWait(wait, laneClaims, options, report);
  }
}

function checkWait(wait: Wait, claims: readonly Change[], { slackUs }: OrderOptions, report: Report): void {
  let first: Change | undefined;
  for (const claim of claims) {
    if (claim.seq <= wait.fromSeq || claim.atUs < wait.fromUs) continue;
    if (wait.until !== undefined && claim.seq >= wait.until.seq) break;
    if (claim.xid === wait.until?.xid) continue;
    if (claim.after === undefined || !comesAfter(claim.after, wait.state)) continue;
    // A crash takes back claims that were not flushed yet: the request was not passed over, it was in flight.
    if (first?.serverStartUs !== claim.serverStartUs) first = claim;
    if (claim.atUs - first.atUs <= slackUs) continue;
    const ms = Math.round((claim.atUs - first.atUs) / 1_000);
    report('order', wait.requestId, `passed over for ${ms} ms and more, last by ${claim.requestId}`);
    return;
  }
}

const laneOf = (state: RequestState | undefined) => `${state?.functionName} ${state?.model} ${state?.username}`;

function comesAfter(a: RequestState, b: RequestState): boolean {
  if (a.priority !== b.priority) return a.priority < b.priority;
  if (a.createdUs !== b.createdUs) return a.createdUs > b.createdUs;
  return a.id > b.id;
}
