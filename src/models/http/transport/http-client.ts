import pLimit from 'p-limit';
import { type Dispatcher, fetch } from 'undici';
import type { Clock } from '../../../core/clock.ts';
import type { Env } from '../../../core/env.ts';
import { VERSION } from '../../../core/version.ts';
import { writeJson } from '../../json/json-text.ts';
import { untilAborted } from '../../until-aborted.ts';
import type { Endpoint } from '../endpoint.ts';
import { type Admission, type Breaker, createBreaker } from './breaker.ts';
import { createConnections } from './connections.ts';
import { isCutConnection, problemOfNetwork } from './network-problem.ts';
import { brokenOff, garbled, type HttpProblem, problemOfStatus, timedOut, unreachable } from './problem.ts';
import { proxySecrets } from './proxy-variables.ts';
import { BodyTooLarge, readBody } from './read-body.ts';
import { readRetryAfter } from './retry-after.ts';
import { createSecrets, type Secrets } from './secrets.ts';
import { readServerWords } from './server-words.ts';

/** Most requests of one model under way at once; more wait for their turn. */
export const MAX_REQUESTS_AT_ONCE = 64;
/** Longest answer that is read: 256 vectors of 3072 numbers as JSON text are 17 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const ENDED = 'The request has ended';

export interface HttpRequest {
  readonly url: URL;
  /** Sent as JSON with POST; a request without one is a GET. */
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** Most bytes of the answer. @default 64 MiB */
  readonly maxBytes?: number;
  /** A failure of this request says nothing of the server: it is sent to find out which of several items is to blame. */
  readonly isProbe?: boolean;
}

export type HttpReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: HttpProblem };

/** Calls the server of one model. */
export interface HttpClient {
  readonly endpoint: Endpoint;
  readonly secrets: Secrets;
  /**
   * The JSON that the server answered, or the problem; rejects only with the signal's reason.
   *
   * At most {@link MAX_REQUESTS_AT_ONCE} at a time. Redirects are not followed. A connection that turns out to be closed is
   * replaced once. Each address has a breaker of its own, so that a model without quota does not stop others.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  /** Waits for the requests under way. */
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly endpoint: Endpoint;
  readonly env: Env;
  readonly clock: Clock;
}

/** A client with connections, breakers and a limit of its own. */
export function createHttpClient({ endpoint, env, clock }: HttpClientOptions): HttpClient {
  const connections = createConnections(env, MAX_REQUESTS_AT_ONCE);
  const secrets = createSecrets([endpoint.key, ...endpoint.baseUrl.searchParams.values(), ...proxySecrets(env)]);
  const limit = pLimit(MAX_REQUESTS_AT_ONCE);
  const breakers = new Map<string, Breaker>();

  function breakerOf({ pathname }: URL): Breaker {
    const breaker = breakers.get(pathname) ?? createBreaker(clock);
    breakers.set(pathname, breaker);
    return breaker;
  }

  async function sendInTurn(request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    signal.throwIfAborted();
    const admittance = breakerOf(request.url).admit();
    if (!admittance.isAdmitted) {
      const message = `${endpoint.label} failed several times in a row and is left alone for a while`;
      return { ok: false, problem: unreachable(message, admittance.retryAfterMs) };
    }
    let reply: HttpReply | undefined;
    try {
      reply = await exchange({ endpoint, secrets, connections, clock }, request, signal);
      return reply;
    } finally {
      settle(admittance, signal.aborted ? undefined : reply, request.isProbe === true);
    }
  }

  return {
    endpoint,
    secrets,
    send(request, signal) {
      // A signal of its own: hundreds of requests of one call would be too many listeners for the caller's.
      const own = AbortSignal.any([signal]);
      const turn = limit(() => sendInTurn(request, own));
      // The caller does not wait for its turn once it has aborted; the turn then passes without a request.
      return untilAborted(turn, own);
    },
    close: () => connections.close(),
  };
}

function settle(admission: Admission, reply: HttpReply | undefined, isProbe: boolean): void {
  if (reply?.ok === false && isOfServer(reply.problem)) {
    if (isProbe && reply.problem.kind === 'failing') admission.release();
    else admission.fail(reply.problem.error.retryAfterMs);
  } else if (reply === undefined) {
    admission.release();
  } else {
    admission.succeed();
  }
}

function isOfServer({ kind }: HttpProblem): boolean {
  return kind === 'unavailable' || kind === 'failing';
}

interface Line {
  readonly endpoint: Endpoint;
  readonly secrets: Secrets;
  readonly connections: Dispatcher;
  readonly clock: Clock;
}

async function exchange(line: Line, request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
  const { endpoint, secrets, clock } = line;
  const ended = new AbortController();
  const deadline = new AbortController();
  const timer = clock.delay(request.timeoutMs, ended.signal).then(() => {
    if (!ended.signal.aborted) deadline.abort(new Error('The time limit of the request has passed'));
  });
  try {
    return await ask(line, request, AbortSignal.any([signal, deadline.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.signal.aborted) return { ok: false, problem: timedOut(endpoint, request.timeoutMs) };
    if (error instanceof BodyTooLarge)
      return { ok: false, problem: garbled(endpoint, `gave too much: ${error.message}`) };
    return { ok: false, problem: problemOfNetwork(endpoint, error, secrets.mask) };
  } finally {
    // With a reason of its own, or Node would make an error with a stack for each request.
    ended.abort(ENDED);
    await timer;
  }
}

async function ask(line: Line, request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
  const { endpoint, secrets } = line;
  const response = await fetchFresh(line, request, signal);
  const contentType = response.headers.get('content-type') ?? '';
  if (!response.ok) {
    // Words that cannot be read change nothing of what the status says.
    const body = await readBody(response, MAX_ERROR_BYTES).catch(() => '');
    signal.throwIfAborted();
    const words = readServerWords(body, contentType, secrets.mask);
    return { ok: false, problem: problemOfStatus(endpoint, response.status, words, readRetryAfter(response.headers)) };
  }
  const body = await readBody(response, request.maxBytes ?? MAX_ANSWER_BYTES);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { ok: false, problem: unreachable(notJson(line, contentType)) };
  }
  return replyOf(endpoint, value, body, secrets);
}

function notJson({ endpoint, secrets }: Line, contentType: string): string {
  if (contentType.includes('json')) return `${endpoint.label} answered with JSON that is cut short or garbled`;
  const shown = secrets.mask(contentType.split(';')[0] ?? '').slice(0, 50) || 'no content type';
  return `${endpoint.label} answered with something other than JSON (${shown}): check ${endpoint.variables.baseUrl}`;
}

/** Gateways such as OpenRouter answer 200 with an error inside. */
function replyOf(endpoint: Endpoint, value: unknown, body: string, secrets: Secrets): HttpReply {
  if (typeof value === 'object' && value !== null && 'error' in value && value.error) {
    const words = readServerWords(body, 'application/json', secrets.mask);
    const code = Number(words.code);
    if (Number.isInteger(code) && code >= 400 && code < 600) {
      return { ok: false, problem: problemOfStatus(endpoint, code, words, undefined) };
    }
    const said = words.text === '' ? '' : `: ${words.text}`;
    return { ok: false, problem: brokenOff(endpoint, `answered with an error${said}`, words.text) };
  }
  return { ok: true, value };
}

async function fetchFresh(line: Line, request: HttpRequest, signal: AbortSignal) {
  const { endpoint, connections } = line;
  const init = {
    method: request.body === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json',
      'user-agent': `lamplighter/${VERSION}`,
      ...(request.body !== undefined && { 'content-type': 'application/json' }),
      ...(endpoint.key !== undefined && { authorization: `Bearer ${endpoint.key}` }),
    },
    ...(request.body !== undefined && { body: writeJson(request.body) ?? null }),
    redirect: 'manual' as const,
    dispatcher: connections,
    signal,
  };
  try {
    return await fetch(request.url, init);
  } catch (error) {
    if (signal.aborted || !isCutConnection(error)) throw error;
    // It was idle and closed by the server at that moment, most likely. If not, that it was cut is what there is to say.
    return fetch(request.url, init).catch((next: unknown) => {
      throw signal.aborted ? next : error;
    });
  }
}
