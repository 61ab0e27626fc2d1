import type { ModelError } from '../../outcome.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ServerWords } from './server-words.ts';

/**
 * Why a call brought no answer.
 *
 * - `refused`: the server does not take this request; smaller or other ones it may.
 * - `missing`: the server has no such address or model.
 * - `failing`: the server broke on this request, or did not end it in time; it may be the request's fault.
 * - `garbled`: JSON came, but not what was asked for; asking for each item alone may help.
 * - `unavailable`: anything else: the server, the way there, the key.
 */
export type ProblemKind = 'refused' | 'missing' | 'failing' | 'garbled' | 'unavailable';

export interface HttpProblem {
  readonly kind: ProblemKind;
  readonly status?: number;
  /** The server's own words, masked; may be empty. */
  readonly words: string;
  /** The parameter of the request that the server objects to, where it says so. */
  readonly param?: string;
  /** What is told of an item that is answered so. */
  readonly error: ModelError;
}

/** How long to leave a server alone that wants another key or address: only a person can mend that. */
const MENDING_PAUSE_MS = 60_000;

const KIND_BY_STATUS: Readonly<Record<number, ProblemKind>> = {
  400: 'refused',
  404: 'missing',
  405: 'missing',
  410: 'missing',
  413: 'refused',
  422: 'refused',
  // TEI's answer when its engine broke on the request.
  424: 'failing',
  500: 'failing',
  501: 'missing',
};

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
    return { ...base, kind: 'unavailable', error: unavailableError(what, MENDING_PAUSE_MS) };
  }
  if (status >= 300 && status < 400) {
    const what = `${label} redirects elsewhere (${status}), where no key is sent: set ${variables.baseUrl} to the final address`;
    return { ...base, kind: 'unavailable', error: unavailableError(what, MENDING_PAUSE_MS) };
  }
  const kind = KIND_BY_STATUS[status] ?? 'unavailable';
  const message = `${label} answered ${status}${said}`;
  switch (kind) {
    case 'refused':
      return { ...base, kind, error: { kind: 'invalid', message } };
    case 'missing':
    case 'garbled':
      return { ...base, kind, error: { kind: 'failed', message } };
    case 'failing':
    case 'unavailable':
      return { ...base, kind, error: unavailableError(message, retryAfterMs) };
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

/** A problem of the server or the way there. */
export function unreachable(message: string, retryAfterMs?: number, cause?: unknown): HttpProblem {
  return { kind: 'unavailable', words: '', error: unavailableError(message, retryAfterMs, cause) };
}

/** The end of a time limit: the server's fault, or that of a request it cannot bear. */
export function timedOut(endpoint: Endpoint, timeoutMs: number): HttpProblem {
  const message = `${endpoint.label} gave no answer within ${Math.round(timeoutMs / 1_000)} s`;
  return { kind: 'failing', words: '', error: unavailableError(message, undefined) };
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
