import { Buffer } from 'node:buffer';
import { type Dispatcher, fetch } from 'undici';
import type { Clock } from '../../../core/clock.ts';
import { VERSION } from '../../../core/version.ts';
import { writeJson } from '../../json/json-text.ts';
import type { Endpoint } from '../endpoint.ts';
import { isCutConnection, problemOfNetwork } from './network-problem.ts';
import { broken, brokenOff, garbled, type HttpProblem, problemOfStatus, timedOut } from './problem.ts';
import { readRetryAfter } from './retry-after.ts';
import type { Secrets } from './secrets.ts';
import { readServerWords } from './server-words.ts';

/** Longest answer that is read: 256 vectors of 3072 numbers as JSON text are 17 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const ENDED = 'The request has ended';

/** One request to a server. */
export interface Question {
  readonly url: URL;
  /** Sent as JSON with POST; a request without one is a GET. */
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** Most bytes of the answer. @default 64 MiB */
  readonly maxBytes?: number;
}

export type HttpReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: HttpProblem };

/** What a request is sent through. */
interface Line {
  readonly endpoint: Endpoint;
  readonly secrets: Secrets;
  readonly connections: Dispatcher;
  readonly clock: Clock;
}

/**
 * Sends a request, and once more where its connection turns out to be closed; the JSON that came, or the problem. Follows no
 * redirect. Rejects only with the signal's reason.
 */
export async function exchange(line: Line, request: Question, signal: AbortSignal): Promise<HttpReply> {
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

async function ask(line: Line, request: Question, signal: AbortSignal): Promise<HttpReply> {
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
    return { ok: false, problem: broken(notJson(line, contentType)) };
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

async function fetchFresh(line: Line, request: Question, signal: AbortSignal) {
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

/** The text of a body was longer than allowed; the rest of it was not read. */
class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/**
 * The body of an answer as text; never holds more than `maxBytes` of it.
 *
 * @throws BodyTooLarge as soon as it is known to be longer, by its header or by what came.
 */
async function readBody(
  response: { readonly headers: Pick<Headers, 'get'>; readonly body: AsyncIterable<unknown> | null },
  maxBytes: number,
): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const isAnnouncedTooLarge = Number(response.headers.get('content-length')) > maxBytes;
  // Leaving the loop, by throwing too, cancels the rest of the body and frees the connection.
  for await (const chunk of response.body) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('The body is not made of bytes');
    bytes += chunk.byteLength;
    if (isAnnouncedTooLarge || bytes > maxBytes) throw new BodyTooLarge(`The answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}
