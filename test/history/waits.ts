import type { Change, RequestState } from './journal.ts';

/** From when to when a request was ready, as the others could see. */
export interface Wait {
  readonly requestId: string;
  readonly state: RequestState;
  readonly fromUs: number;
  readonly fromSeq: number;
  /** The change that ended it: all claims of its transaction were made at once. */
  readonly until: Change | undefined;
}

const isReady = (state: RequestState | undefined) => state?.status === 'pending' && state.runAt === null;

/** Every span in which a request was ready for all to see. */
export function findWaits(changes: readonly Change[]): Wait[] {
  const nextChanges = new Map<string, Change>();
  const waits: Wait[] = [];
  // From the end, so that the next change of each request is known.
  for (let at = changes.length - 1; at >= 0; at -= 1) {
    const change = changes[at];
    if (change === undefined) continue;
    const { requestId, seq, after } = change;
    const until = nextChanges.get(requestId);
    nextChanges.set(requestId, change);
    if (after === undefined || !isReady(after)) continue;
    const fromUs = seenAtUs(changes, at);
    if (fromUs !== undefined) waits.push({ requestId, state: after, fromUs, fromSeq: seq, until });
  }
  return waits;
}

/** When the change was first seen as committed by another transaction in the journal. */
function seenAtUs(changes: readonly Change[], at: number): number | undefined {
  const { xid = 0 } = changes[at] ?? {};
  for (let next = at + 1; next < changes.length; next += 1) {
    const later = changes[next];
    if (later !== undefined && later.xid !== xid && isVisible(xid, later.snapshot)) return later.atUs;
  }
  return undefined;
}

/** As `pg_visible_in_snapshot` does. */
function isVisible(xid: number, snapshot: string): boolean {
  const [xmin = '', xmax = '', running = ''] = snapshot.split(':');
  if (xid < Number(xmin)) return true;
  return xid < Number(xmax) && !running.split(',').includes(String(xid));
}
