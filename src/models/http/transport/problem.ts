import type { ModelError } from '../../outcome.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ServerWords } from './server-words.ts';

/**
 * Why a call brought no answer.
 *
 * - `refused`: the server does not take this request; smaller or other ones it may.
 * - `missing`: the server has no such address or model.
 * - `failing`: the server broke on this request, did not want it, or did not end it in time; it may be the request's fault.
 * - `garbled`: JSON came, but not what was asked for; asking for each item alone may help.
 * - `unavailable`: the way to the server, the key, the quota: no request's fault.
 */
export type ProblemKind = 'refused' | 'missing' | 'failing' | 'garbled' | 'unavailable';

/**
 * What a server did with a small request of the same kind, sent after one that failed: answered it, failed too, or refused it,
 * which shows nothing.
 */
export type Pulse = 'answers' | 'silent' | 'unclear';

export interface HttpProblem {
  readonly kind: ProblemKind;
  readonly status?: number;
  /** The server's own words, masked; may be empty. */
  readonly words: string;
  /** The parameter of the request that the server objects to, where it says so. */
  readonly param?: string;
  /** What is told of an item that is answered so. */
  readonly error: ModelError;
  /** True where the time limit of the request passed. */
  readonly isTimeout?: boolean;
  /** The server says that it has too much to do now, or when to ask again. */
  readonly isOverload?: boolean;
  /** The pulse of the server at a failing request, where that was investigated. */
  readonly pulse?: Pulse;
  /** How many requests this address of the server has answered so far, beside `pulse`. */
  readonly answers?: number;
  /** How many of these were no canaries. */
  readonly realAnswers?: number;
}

/** How long to leave a server alone that wants another key or address: only a person can mend that. */
export const MENDING_PAUSE_MS = 60_000;

const KIND_BY_STATUS: Readonly<Record<number, ProblemKind>> = {
  400: 'refused',
  404: 'missing',
  405: 'missing',
  410: 'missing',
  413: 'refused',
  422: 'refused',
  429: 'unavailable',
  501: 'missing',
};

const OVERLOADS: ReadonlySet<number> = new Set([503, 529]);

/** OpenAI's 429 for a single request that exceeds the limit. */
const TOO_LARGE = /request too large|must be reduced/i;

/** What an answer with a status other than 2xx means. */
export function problemOfStatus(
  endpoint: Endpoint,
  status: number,
  words: ServerWords,
  retryAfterMs: number | undefined,
): HttpProblem {
  const { label, variables, key } = endpoint;
  const said = words.text === '' ? '' : `: ${words.text}`;
  const base = { status, words: words.text, ...(words.param === undefined ? {} : { param: words.param }) };
  if (status === 401 || status === 407) {
    const what = status === 407 ? 'The proxy asks for a login: check HTTPS_PROXY and HTTP_PROXY' : keyProblem(endpoint);
    // Not its words: they may quote a part of the key.
    return { ...base, words: '', kind: 'unavailable', error: unavailableError(what, MENDING_PAUSE_MS) };
  }
  if (status === 403) {
    const what = `${label} does not allow this with ${key === undefined ? 'no key' : `the key in ${variables.key}`} (403)${said}`;
    // Where others are answered, it is a filter that objects to this one.
    return { ...base, kind: 'failing', error: unavailableError(what, MENDING_PAUSE_MS) };
  }
  if (status >= 300 && status < 400) {
    const what = `${label} redirects elsewhere (${status}), where no key is sent: set ${variables.baseUrl} to the final address`;
    return { ...base, kind: 'unavailable', error: unavailableError(what, MENDING_PAUSE_MS) };
  }
  // TEI answers 424 when its engine broke on the request, gateways 502 to 504 when a server did, and others what they like.
  const kind = status === 429 && TOO_LARGE.test(words.text) ? 'refused' : (KIND_BY_STATUS[status] ?? 'failing');
  const message = `${label} answered ${status}${said}`;
  switch (kind) {
    case 'refused':
      return { ...base, kind, error: { kind: 'invalid', message } };
    case 'missing':
    case 'garbled':
      return { ...base, kind, error: { kind: 'failed', message } };
    case 'failing':
    case 'unavailable':
      return {
        ...base,
        kind,
        error: unavailableError(message, retryAfterMs),
        ...((OVERLOADS.has(status) || retryAfterMs !== undefined) && { isOverload: true }),
      };
  }
}

/** An answer that is JSON, but not the JSON asked for. */
export function garbled(endpoint: Endpoint, what: string): HttpProblem {
  return { kind: 'garbled', words: '', error: { kind: 'failed', message: `${endpoint.label} ${what}` } };
}

/** An answer in which the server says that it failed; `what` is the end of a sentence. */
export function brokenOff(endpoint: Endpoint, what: string, words = ''): HttpProblem {
  return { kind: 'failing', words, error: unavailableError(`${endpoint.label} ${what}`, undefined) };
}

/** An answer that is none, or an end of the connection that may be this request's doing. */
export function broken(message: string, cause?: unknown): HttpProblem {
  return { kind: 'failing', words: '', error: unavailableError(message, undefined, cause) };
}

/** A problem of the server or the way there. */
export function unreachable(message: string, retryAfterMs?: number, cause?: unknown): HttpProblem {
  return { kind: 'unavailable', words: '', error: unavailableError(message, retryAfterMs, cause) };
}

/** The end of a time limit: the server's fault, or that of a request it cannot bear. */
export function timedOut(endpoint: Endpoint, timeoutMs: number): HttpProblem {
  const message = `${endpoint.label} gave no answer within ${Math.round(timeoutMs / 1_000)} s`;
  return { ...broken(message), isTimeout: true };
}

function keyProblem({ label, variables, key }: Endpoint): string {
  return key === undefined
    ? `${label} asks for a key (401): set ${variables.key}`
    : `${label} does not take the key (401): check ${variables.key}`;
}

function unavailableError(message: string, retryAfterMs: number | undefined, cause?: unknown): ModelError {
  return {
    kind: 'unavailable',
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(cause === undefined ? {} : { cause }),
  };
}
