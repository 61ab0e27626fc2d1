import type { ModelError } from '../../outcome.ts';
import type { Endpoint } from '../endpoint.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { isAboutModel, shownPath } from '../transport/missing.ts';
import type { HttpProblem } from '../transport/problem.ts';
import type { RerankApi } from './rerank-api.ts';
import { SCALE_QUESTION } from './score-scale.ts';

/** A server that is slower than this to say that it has no such address is thought to have it. */
const PROBE_TIMEOUT_MS = 3_000;

/**
 * What is told of every request when the last of a server's addresses for scores is missing too: the server does not rerank.
 * Undefined where it speaks of the model instead.
 */
export function lackOfRerank(
  { endpoint }: { readonly endpoint: Endpoint },
  problem: HttpProblem,
  apis: readonly RerankApi[],
): ModelError | undefined {
  if (isAboutModel(problem)) return undefined;
  const said = problem.words === '' ? '' : `: ${problem.words}`;
  const where = apis.map(({ url }) => shownPath(endpoint, url)).join(', ');
  return {
    kind: 'invalid',
    message: `${endpoint.label} does not rerank: it answered ${problem.status}${said} (at ${where})`,
  };
}

/** Why a server does not rerank, as a sentence, where each address says that it is not there; else undefined, and it may. */
export async function findLackOfRerank(
  client: HttpClient,
  apis: readonly RerankApi[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { query, documents } = SCALE_QUESTION;
  let lack: ModelError | undefined;
  for (const api of apis) {
    const question = { url: api.url, body: api.bodyOf(query, documents), timeoutMs: PROBE_TIMEOUT_MS, isProbe: true };
    const reply = await client.send(question, signal);
    if (reply.ok || reply.problem.kind !== 'missing') return undefined;
    // The first says most: the others are guesses.
    lack ??= lackOfRerank(client, reply.problem, apis);
    if (lack === undefined) return undefined;
  }
  return lack?.message;
}
