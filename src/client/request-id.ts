import { LamplighterError } from '../core/errors.ts';
import { showValue } from '../core/show-value.ts';

declare const resultOf: unique symbol;

/**
 * The id of a request: a UUID as text. For the compiler it also carries the type that `wait` returns; a plain string is the id of a request
 * whose type is unknown, and `wait<Float32Array>(id)` states it.
 */
export type RequestId<Result = unknown> = string & { readonly [resultOf]?: Result };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The id as PostgreSQL prints it. One that is no UUID is refused here: in a statement it would fail all the others asked for with it.
 *
 * @throws LamplighterError REQUEST_NOT_FOUND
 */
export function parseRequestId(text: string): string {
  const id = typeof text === 'string' ? text.toLowerCase() : '';
  if (UUID.test(id)) return id;
  throw new LamplighterError('REQUEST_NOT_FOUND', `expected the id of a request (a UUID), got ${showValue(text)}`);
}
