/**
 * Whom a failure is held against.
 *
 * - `invalid`: this request can never succeed; it is not tried again.
 * - `failed`: this request failed; it is charged and tried again.
 * - `unavailable`: the provider or the machine failed; nobody is charged, and all of it is tried again later.
 */
export type ModelErrorKind = 'invalid' | 'failed' | 'unavailable';

/** Why one item has no answer. Plain data, so that it survives threads and duplicated installs. */
export interface ModelError {
  readonly kind: ModelErrorKind;
  /** Shown to the caller of the request: never a secret, never a stack. */
  readonly message: string;
  /** When the provider asked to be called again, for `unavailable`. For `failed`: not worth trying before. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** What the answer to an item took, as far as the runtime tells it. */
export interface ItemCost {
  /**
   * Tokens that the model read, special ones and its prefix included. If a server reports them for several items together, the item's share
   * by length; the shares add up to the reported number.
   */
  readonly tokens?: number;
  /** True when the item was longer than the model's window, and its end was cut off. */
  readonly isTruncated?: boolean;
}

export interface ItemSuccess<T> extends ItemCost {
  readonly ok: true;
  readonly value: T;
}

export interface ItemFailure {
  readonly ok: false;
  readonly error: ModelError;
}

/** The answer to one item of a call, or why there is none. */
export type ItemOutcome<T> = ItemSuccess<T> | ItemFailure;

/** The outcome of an item that was answered. */
export function succeeded<T>(value: T, cost: ItemCost = {}): ItemSuccess<T> {
  return { ok: true, value, ...cost };
}

/** The outcome of an item that can never be answered, such as one that is too long. */
export function invalid(message: string, cause?: unknown): ItemFailure {
  return failure({ kind: 'invalid', message, ...(cause === undefined ? {} : { cause }) });
}

/** The outcome of an item whose own answer failed and may succeed when tried again, `retryAfterMs` later at the earliest. */
export function failed(message: string, cause?: unknown, retryAfterMs?: number): ItemFailure {
  return failure({
    kind: 'failed',
    message,
    ...(cause === undefined ? {} : { cause }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The outcome of an item that was not answered for a reason that is not the item's. */
export function unavailable(message: string, options: Omit<ModelError, 'kind' | 'message'> = {}): ItemFailure {
  return failure({ kind: 'unavailable', message, ...options });
}

function failure(error: ModelError): ItemFailure {
  return { ok: false, error };
}
