import type { AbortReason, ClaimLedger } from '../../process/workload.ts';
import type { ClaimedRequest, ClaimName } from '../../requests/claimed-request.ts';

export interface HeldRequest {
  readonly request: ClaimedRequest;
  /** The worker's id when it claimed: after a lost lease a later id must not finish it. */
  readonly workerId: string;
  /** Why nobody wants its answer any more; undefined while somebody does. */
  readonly abortReason: AbortReason | undefined;
  /** Whom to tell when it is broken off. An AbortSignal for each request would take a fifth of the worker's time. */
  onAbort: (() => void) | undefined;
  /** Resolves when the request is held no more: its end is recorded, or no longer matters. */
  readonly settled: Promise<void>;
}

/** The requests that this process holds, from claim to recorded end. */
export interface InFlight extends ClaimLedger {
  readonly size: number;
  add(name: ClaimName, requests: readonly ClaimedRequest[]): HeldRequest[];
  /** Forgets a request whose end is recorded, or no longer matters. */
  remove(held: HeldRequest): void;
  /** Breaks off the work on one request. */
  abort(held: HeldRequest, reason: AbortReason): void;
  /** Breaks off all work, or all that was claimed under one id. */
  abortAll(reason: AbortReason, workerId?: string): void;
  /** True while a request with that request_id is held. */
  has(requestId: string): boolean;
  /** True while a request is held that was claimed under that id. */
  hasAnyOf(workerId: string): boolean;
  list(): HeldRequest[];
  /** Resolves when nothing is held. */
  empty(): Promise<void>;
}

/**
 * A row that was lost or handed back can be claimed again before the end of the earlier hold has gone all its way. The later hold
 * takes the place of the earlier one, which is broken off and whose end then changes nothing here.
 */
export function createInFlight(): InFlight {
  const holds = new Map<string, Hold>();
  let onEmpty: (() => void)[] = [];
  const settledClaims = new Map<string, Set<number>>();

  const noteSettled = ({ workerId, claimNumber }: ClaimName) => {
    const numbers = settledClaims.get(workerId) ?? new Set();
    settledClaims.set(workerId, numbers.add(claimNumber));
  };

  /** The hold itself, unless a later one has taken its place; holds are handed out as what they are. */
  const present = (held: HeldRequest): Hold | undefined => {
    const hold = holds.get(held.request.id);
    return hold === held ? hold : undefined;
  };

  return {
    get size() {
      return holds.size;
    },
    add(name, requests) {
      const claim: Claim = { name, open: requests.length, onSettled: noteSettled };
      return requests.map((request) => {
        const earlier = holds.get(request.id);
        earlier?.abort('lost');
        earlier?.settle();
        const hold = new Hold(request, claim);
        holds.set(request.id, hold);
        return hold;
      });
    },
    remove(held) {
      const hold = present(held);
      if (hold === undefined) return;
      holds.delete(held.request.id);
      hold.settle();
      if (holds.size > 0) return;
      for (const resolve of onEmpty) resolve();
      onEmpty = [];
    },
    abort(held, reason) {
      present(held)?.abort(reason);
    },
    abortAll(reason, workerId) {
      for (const hold of [...holds.values()]) {
        if (workerId === undefined || hold.workerId === workerId) hold.abort(reason);
      }
    },
    has(requestId) {
      for (const { request } of holds.values()) if (request.requestId === requestId) return true;
      return false;
    },
    hasAnyOf(workerId) {
      for (const hold of holds.values()) if (hold.workerId === workerId) return true;
      return false;
    },
    list: () => [...holds.values()],
    async empty() {
      if (holds.size > 0) await new Promise<void>((resolve) => onEmpty.push(resolve));
    },
    listSettledClaims: (workerId) => [...(settledClaims.get(workerId) ?? [])],
    forgetClaims(workerId, claimNumbers) {
      const numbers = settledClaims.get(workerId);
      for (const number of claimNumbers ?? []) numbers?.delete(number);
      if (claimNumbers === undefined || numbers?.size === 0) settledClaims.delete(workerId);
    },
  };
}

/** Requests that were claimed together, and how many of them are still held. */
interface Claim {
  readonly name: ClaimName;
  open: number;
  readonly onSettled: (name: ClaimName) => void;
}

class Hold implements HeldRequest {
  readonly request: ClaimedRequest;
  readonly #claim: Claim;
  abortReason: AbortReason | undefined;
  onAbort: (() => void) | undefined;
  #isSettled = false;
  #onSettled: (() => void) | undefined;
  #settled: Promise<void> | undefined;

  constructor(request: ClaimedRequest, claim: Claim) {
    this.request = request;
    this.#claim = claim;
  }

  get workerId(): string {
    return this.#claim.name.workerId;
  }

  /** Made on demand: few ask. */
  get settled(): Promise<void> {
    this.#settled ??= this.#isSettled
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#onSettled = resolve;
        });
    return this.#settled;
  }

  abort(reason: AbortReason): void {
    if (this.abortReason !== undefined) return;
    this.abortReason = reason;
    this.onAbort?.();
  }

  settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#onSettled?.();
    this.#claim.open -= 1;
    if (this.#claim.open === 0) this.#claim.onSettled(this.#claim.name);
  }
}
