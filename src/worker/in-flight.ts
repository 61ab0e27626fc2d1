import type { ClaimedRequest } from '../requests/claimed-request.ts';

/** Why the work on a request was broken off. */
export type AbortReason = 'lost' | 'timeout' | 'stopping';

export interface HeldRequest {
  readonly request: ClaimedRequest;
  /** The worker's id when it claimed: after a lost lease a later id must not finish it. */
  readonly workerId: string;
  readonly signal: AbortSignal;
}

/** The requests that this process holds, from claim to recorded end. */
export interface InFlight {
  readonly size: number;
  add(workerId: string, requests: readonly ClaimedRequest[]): HeldRequest[];
  /** Forgets a request whose end is recorded, or no longer matters. */
  remove(id: string): void;
  /** Breaks off the work on one request; false when it is not held. */
  abort(id: string, reason: AbortReason): boolean;
  abortAll(reason: AbortReason): void;
  /** The id of the held request with that request_id; undefined when there is none. */
  idOf(requestId: string): string | undefined;
  list(): HeldRequest[];
  /** Resolves when nothing is held. */
  empty(): Promise<void>;
}

export function createInFlight(): InFlight {
  const held = new Map<string, HeldRequest & { readonly controller: AbortController }>();
  let onEmpty: (() => void)[] = [];
  return {
    get size() {
      return held.size;
    },
    add(workerId, requests) {
      return requests.map((request) => {
        const controller = new AbortController();
        const entry = { request, workerId, controller, signal: controller.signal };
        held.set(request.id, entry);
        return entry;
      });
    },
    remove(id) {
      held.delete(id);
      if (held.size > 0) return;
      for (const resolve of onEmpty) resolve();
      onEmpty = [];
    },
    abort(id, reason) {
      const entry = held.get(id);
      entry?.controller.abort(reason);
      return entry !== undefined;
    },
    abortAll(reason) {
      for (const { controller } of held.values()) controller.abort(reason);
    },
    idOf(requestId) {
      for (const { request } of held.values()) if (request.requestId === requestId) return request.id;
      return undefined;
    },
    list: () => [...held.values()],
    async empty() {
      if (held.size > 0) await new Promise<void>((resolve) => onEmpty.push(resolve));
    },
  };
}
