import type { ClaimedRequest } from '../requests/claimed-request.ts';

/** Why the work on a request was broken off. */
export type AbortReason = 'lost' | 'stopping';

export interface HeldRequest {
  readonly request: ClaimedRequest;
  /** The worker's id when it claimed: after a lost lease a later id must not finish it. */
  readonly workerId: string;
  readonly signal: AbortSignal;
  /** Resolves when the request is held no more: its end is recorded, or no longer matters. */
  readonly settled: Promise<void>;
}

/** The requests that this process holds, from claim to recorded end. */
export interface InFlight {
  readonly size: number;
  add(workerId: string, requests: readonly ClaimedRequest[]): HeldRequest[];
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

interface Entry extends HeldRequest {
  readonly controller: AbortController;
  readonly settle: () => void;
}

/**
 * A row that was lost or handed back can be claimed again before the end of the earlier hold has gone all its way. The later hold
 * takes the place of the earlier one, whose end then changes nothing here.
 */
export function createInFlight(): InFlight {
  const entries = new Map<string, Entry>();
  let onEmpty: (() => void)[] = [];

  /** The entry behind a hold that has not been replaced; holds are handed out as their entries. */
  const entryOf = (held: HeldRequest): Entry | undefined => {
    const entry = entries.get(held.request.id);
    return entry === held ? entry : undefined;
  };

  return {
    get size() {
      return entries.size;
    },
    add(workerId, requests) {
      return requests.map((request) => {
        entries.get(request.id)?.settle();
        const controller = new AbortController();
        let settle: () => void = () => undefined;
        const settled = new Promise<void>((resolve) => {
          settle = resolve;
        });
        const entry = { request, workerId, controller, signal: controller.signal, settled, settle };
        entries.set(request.id, entry);
        return entry;
      });
    },
    remove(held) {
      const entry = entryOf(held);
      if (entry === undefined) return;
      entries.delete(held.request.id);
      entry.settle();
      if (entries.size > 0) return;
      for (const resolve of onEmpty) resolve();
      onEmpty = [];
    },
    abort(held, reason) {
      entryOf(held)?.controller.abort(reason);
    },
    abortAll(reason, workerId) {
      for (const entry of entries.values()) {
        if (workerId === undefined || entry.workerId === workerId) entry.controller.abort(reason);
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
  };
}
