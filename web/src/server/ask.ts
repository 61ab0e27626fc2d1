import type { ApiError } from '../../../src/dashboard/api.ts';
import { addressOf } from '../navigation/place.ts';

const PATIENCE_MS = 15_000;

/** An answer that is not what was asked for; `status` is 0 when the server could not be reached. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(status: number, code: string, message: string, hint?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

interface Question {
  readonly signal?: AbortSignal | undefined;
  /** Makes it a POST of JSON. */
  readonly body?: unknown;
}

/**
 * What a route of the API answers; the caller names the type that `api.ts` gives for it.
 *
 * @throws Refusal when it answers with an error, or not at all within 15 s.
 */
export async function ask<Answer>(route: string, { signal, body }: Question = {}): Promise<Answer> {
  const bounds = [AbortSignal.timeout(PATIENCE_MS), ...(signal === undefined ? [] : [signal])];
  let response: Response;
  let text: string;
  try {
    response = await fetch(addressOf(`api/${route}`), {
      signal: AbortSignal.any(bounds),
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new Refusal(0, 'UNREACHABLE', 'The dashboard’s server does not answer.');
  }
  const answer = parse(text);
  if (response.ok && answer !== undefined) return answer as Answer; // the server holds itself to api.ts
  const told = (answer as Partial<ApiError> | undefined)?.error; // of any shape: a proxy may have answered
  throw new Refusal(
    response.status,
    told?.code ?? 'UNEXPECTED',
    told?.message ?? `The server answered with status ${response.status}.`,
    told?.hint,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
