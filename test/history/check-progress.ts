import { groupBy } from '../../src/core/group-by.ts';
import type { Change, RequestState } from './journal.ts';
import type { Report } from './violation.ts';
import { findWaits, type Wait } from './waits.ts';

/** A span in which a worker process was well: alive, not stopped, not asked to end, and its way to the server undisturbed. */
export interface Serving {
  /** Its login. */
  readonly actor: string;
  /** Batches that it runs at once. */
  readonly concurrency: number;
  /** Requests of a batch of that function. */
  readonly batchOf: (functionName: string) => number;
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** A span in which no request of a function was to be claimed. */
export interface Pause {
  readonly functionName: string;
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ProgressOptions {
  /** Of workers that serve every lane. */
  readonly serving: readonly Serving[];
  readonly pauses: readonly Pause[];
  /** Requests that may be passed over: somebody has locked them. */
  readonly locked: ReadonlySet<string>;
  /** How long a lane may stand still though a request of it is ready and a slot is free. */
  readonly slackMs: number;
  /** What the longest batch of a function adds to that. @default 0 */
  readonly longestBatchMs: Readonly<Record<string, number>>;
}

/** What a sweep over time finds: something that holds for a lane from one moment on. */
interface Step {
  readonly atUs: number;
  apply(state: LaneState): void;
}

interface LaneState {
  /** Requests that can be claimed. */
  readonly ready: Set<string>;
  /** Spans in which a worker has a slot free. */
  readonly free: Set<Serving>;
  pauses: number;
  /** Since when the lane could have been claimed from, and was not. */
  idleSinceUs: number | undefined;
}

/**
 * Checks that no lane stands still: while a request of it is ready for all to see and a worker that is well has a slot free, some request
 * of the lane is claimed within the slack, whatever else is dead, slow, hung, poisoned or paused.
 *
 * A slot counts as free only where it surely is: each claim of a worker takes as many as it has batches, until the last of its requests
 * has ended, and one is kept for a function that runs nothing.
 */
export function checkProgress(changes: readonly Change[], options: ProgressOptions, report: Report): void {
  const { serving, pauses, locked, slackMs, longestBatchMs } = options;
  if (serving.length === 0) return;
  const waits = findWaits(changes).filter(({ requestId }) => !locked.has(requestId));
  const claimsByLane = groupBy(changes.filter(isClaim), ({ after }) => laneOf(after));
  const slots = serving.flatMap((span) => stepsOfSlots(changes, span));
  for (const [lane, laneWaits] of groupBy(waits, ({ state }) => laneOf(state))) {
    const functionName = laneWaits[0]?.state.functionName ?? '';
    const steps = [
      ...slots,
      ...laneWaits.flatMap(stepsOfWait),
      ...(claimsByLane.get(lane) ?? []).map(stepOfClaim),
      ...pauses.filter((pause) => pause.functionName === functionName).flatMap(stepsOfPause),
    ];
    const limitMs = slackMs + (longestBatchMs[functionName] ?? 0);
    const standstill = findStandstill(steps, limitMs * 1e3);
    if (standstill === undefined) continue;
    const { ms, ready } = standstill;
    report(
      'progress',
      ready[0],
      `${lane} stood still for ${ms} ms and more with ${ready.length} ready and a slot free`,
    );
  }
}

/** The first span longer than the limit in which nothing was claimed though it could have been. */
function findStandstill(
  steps: readonly Step[],
  limitUs: number,
): { readonly ms: number; readonly ready: readonly string[] } | undefined {
  const state: LaneState = { ready: new Set(), free: new Set(), pauses: 0, idleSinceUs: undefined };
  for (const step of [...steps].sort((a, b) => a.atUs - b.atUs)) {
    const idleUs = state.idleSinceUs === undefined ? 0 : step.atUs - state.idleSinceUs;
    if (idleUs > limitUs) return { ms: Math.round(idleUs / 1e3), ready: [...state.ready] };
    step.apply(state);
    const isClaimable = state.ready.size > 0 && state.free.size > 0 && state.pauses === 0;
    state.idleSinceUs = isClaimable ? (state.idleSinceUs ?? step.atUs) : undefined;
  }
  return undefined;
}

function stepsOfWait({ requestId, fromUs, until }: Wait): Step[] {
  const begin: Step = { atUs: fromUs, apply: ({ ready }) => void ready.add(requestId) };
  return until === undefined
    ? [begin]
    : [begin, { atUs: until.atUs, apply: ({ ready }) => void ready.delete(requestId) }];
}

function stepsOfPause({ fromMs, toMs }: Pause): Step[] {
  const by = (count: number) => (state: LaneState) => {
    state.pauses += count;
  };
  return [
    { atUs: fromMs * 1e3, apply: by(1) },
    { atUs: toMs * 1e3, apply: by(-1) },
  ];
}

const stepOfClaim = ({ atUs }: Change): Step => ({
  atUs,
  apply(state) {
    state.idleSinceUs = undefined;
  },
});

const isClaim = ({ before, after }: Change) => before?.status === 'pending' && after?.status === 'processing';
const laneOf = (state: RequestState | undefined) => `${state?.functionName} ${state?.model}`;

/** When the worker surely had a slot for any lane, within its span. */
function stepsOfSlots(changes: readonly Change[], serving: Serving): Step[] {
  const { actor, concurrency, batchOf } = serving;
  const [fromUs, toUs] = [serving.fromMs * 1e3, serving.toMs * 1e3];
  const spare = concurrency > 1 ? 1 : 0;
  /** The requests of each claim, by its transaction, that have not ended yet; and how many there were. */
  const claims = new Map<number, { readonly open: Set<string>; size: number; readonly maxBatch: number }>();
  const claimOf = new Map<string, number>();
  const isFree = () => {
    let busy = 0;
    for (const { open, size, maxBatch } of claims.values()) busy += Math.min(open.size, Math.ceil(size / maxBatch));
    return busy < concurrency - spare;
  };
  const stepAt = (atUs: number, isFree: boolean): Step => ({
    atUs,
    apply: ({ free }) => void (isFree ? free.add(serving) : free.delete(serving)),
  });
  const steps = [stepAt(fromUs, true)];
  for (const change of changes) {
    const { requestId, xid, atUs } = change;
    if (atUs < fromUs || atUs > toUs) continue;
    if (isClaim(change) && change.actor === actor) {
      const maxBatch = batchOf(change.after?.functionName ?? '');
      const claim = claims.get(xid) ?? { open: new Set(), size: 0, maxBatch };
      claim.open.add(requestId);
      claim.size += 1;
      claims.set(xid, claim);
      claimOf.set(requestId, xid);
    } else {
      const held = claimOf.get(requestId);
      // A cancelled request may be in work a little longer; others have a slot to themselves no more once their end is recorded.
      if (held === undefined || change.after?.status === 'processing') continue;
      claimOf.delete(requestId);
      const claim = claims.get(held);
      claim?.open.delete(requestId);
      if (claim?.open.size === 0) claims.delete(held);
    }
    steps.push(stepAt(atUs, isFree()));
  }
  steps.push(stepAt(toUs, false));
  return steps;
}
