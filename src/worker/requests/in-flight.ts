import type { Span } from '@opentelemetry/api';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { AbortReason, ClaimLedger } from '../../process/workload.ts';
import type { ClaimedRequest, ClaimName } from '../../requests/claimed-request.ts';
import type { Outcome } from '../../requests/finish-requests.ts';

/** A request that this worker has claimed, until its completion is recorded. */
export interface InFlightRequest {
  readonly request: ClaimedRequest;
  /** The worker's id when it claimed: after a lost lease a later id must not finish it. */
  readonly workerId: string;
  /** When it was claimed, by the clock of the process. */
  readonly claimedMs: number;
  /** Why nobody wants its answer any more; undefined while somebody does. */
  readonly abortReason: AbortReason | undefined;
  /** Called when the work on it is broken off. An AbortSignal for each request would take a fifth of the worker's time. */
  onAbort: (() => void) | undefined;
  /** The span from the beginning of its work to the record of its outcome, where the program traces. */
  span: Span | undefined;
  /** Resolves when the request is in flight no more: its completion is recorded, or stale. */
  readonly settled: Promise<void>;
}

/** The outcome of an attempt, to be recorded. */
export interface Completion {
  readonly entry: InFlightRequest;
  readonly outcome: Outcome;
  /** How often the database has refused this completion by itself, as a trigger of the user's may. @default 0 */
  readonly refusals?: number;
}

/** True when the completion of a request does not matter any more, as the request is somebody else's or gone. */
export function isStale({ entry }: Completion): boolean {
  return entry.abortReason === 'lost';
}

/** The requests of this process from their claim to the record of their completion. */
export interface InFlight extends ClaimLedger {
  readonly size: number;
  add(name: ClaimName, requests: readonly ClaimedRequest[]): InFlightRequest[];
  /** Forgets a request whose completion is recorded, or stale. */
  remove(entry: InFlightRequest): void;
  /** Breaks off the work on one request. */
  abort(entry: InFlightRequest, reason: AbortReason): void;
  /** Breaks off all work, or all that was claimed under one id. */
  abortAll(reason: AbortReason, workerId?: string): void;
  /** True while a request with that request_id is in flight. */
  has(requestId: string): boolean;
  /** True while a request is in flight that was claimed under that id. */
  hasAnyOf(workerId: string): boolean;
  list(): InFlightRequest[];
  /** Resolves when nothing is in flight. */
  empty(): Promise<void>;
}

/**
 * A row that was lost or handed back can be claimed again before the completion of the earlier claim has gone all its way. The later entry
 * takes the place of the earlier one, which is broken off and whose completion then changes nothing here.
 */
export function createInFlight(clock: Pick<Clock, 'nowMs'> = systemClock): InFlight {
  const entries = new Map<string, Entry>();
  let onEmpty: (() => void)[] = [];
  const settledClaims = new Map<string, Set<number>>();

  const noteSettled = ({ workerId, claimNumber }: ClaimName) => {
    const numbers = settledClaims.get(workerId) ?? new Set();
    settledClaims.set(workerId, numbers.add(claimNumber));
  };

  /** The entry itself, unless a later one has taken its place; entries are handed out as what they are. */
  const present = (entry: InFlightRequest): Entry | undefined => {
    const known = entries.get(entry.request.id);
    return known === entry ? known : undefined;
  };

  return {
    get size() {
      return entries.size;
    },
    add(name, requests) {
      const claim: Claim = { name, atMs: clock.nowMs(), open: requests.length, onSettled: noteSettled };
      return requests.map((request) => {
        const earlier = entries.get(request.id);
        earlier?.abort('lost');
        earlier?.settle();
        const entry = new Entry(request, claim);
        entries.set(request.id, entry);
        return entry;
      });
    },
    remove(entry) {
      const known = present(entry);
      if (known === undefined) return;
      entries.delete(entry.request.id);
      known.settle();
      if (entries.size > 0) return;
      for (const resolve of onEmpty) resolve();
      onEmpty = [];
    },
    abort(entry, reason) {
      present(entry)?.abort(reason);
    },
    abortAll(reason, workerId) {
      for (const entry of [...entries.values()]) {
        if (workerId === undefined || entry.workerId === workerId) entry.abort(reason);
      }
    },
    has(requestId) {
      for (const { request } of entries.values()) if (request.requestId === requestId) return true;
      return false;
    },
    hasAnyOf(workerId) {
      for (const entry of entries.values()) if (entry.workerId === workerId) return true;
      return false;
    },
    list: () => [...entries.values()],
    async empty() {
      if (entries.size > 0) await new Promise<void>((resolve) => onEmpty.push(resolve));
    },
    listSettledClaims: (workerId) => [...(settledClaims.get(workerId) ?? [])],
    forgetClaims(workerId, claimNumbers) {
      const numbers = settledClaims.get(workerId);
      for (const number of claimNumbers ?? []) numbers?.delete(number);
      if (claimNumbers === undefined || numbers?.size === 0) settledClaims.delete(workerId);
    },
  };
}

/** Requests that were claimed together, and how many of them are still in flight. */
interface Claim {
  readonly name: ClaimName;
  readonly atMs: number;
  open: number;
  readonly onSettled: (name: ClaimName) => void;
}

class Entry implements InFlightRequest {
  readonly request: ClaimedRequest;
  readonly #claim: Claim;
  abortReason: AbortReason | undefined;
  onAbort: (() => void) | undefined;
  span: Span | undefined;
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

  get claimedMs(): number {
    return this.#claim.atMs;
  }

  /** Made on demand, as few callers need it. */
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
    // A span that is still open has no recorded outcome: the request is somebody else's or gone.
    this.span?.setAttribute('lamplighter.outcome', 'lost').end();
    this.span = undefined;
    this.#onSettled?.();
    this.#claim.open -= 1;
    if (this.#claim.open === 0) this.#claim.onSettled(this.#claim.name);
  }
}
