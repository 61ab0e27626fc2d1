import { z } from 'zod';
import { type Endpoint, rootUrlOf, urlOf } from '../endpoint.ts';
import type { HttpClient } from '../transport/http-client.ts';
import type { HttpProblem } from '../transport/problem.ts';
import type { ServerFacts, ServerKind } from './server-facts.ts';

/** A server that is slower than this to say what it is gets what any compatible server takes. */
const PROBE_TIMEOUT_MS = 3_000;
const MAX_PROBE_BYTES = 4 * 1024 * 1024;

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string(), owned_by: z.string().nullish() })).min(1) });
const versionSchema = z.object({ version: z.string() });
const propsSchema = z.object({ default_generation_settings: z.unknown() });
const teiSchema = z.object({
  model_id: z.string(),
  model_type: z.record(z.string(), z.unknown()),
  max_client_batch_size: z.number().int().positive().optional(),
});

/** How the programs sign the models they list. */
const KIND_BY_OWNER: Readonly<Record<string, ServerKind>> = {
  vllm: 'vllm',
  llamacpp: 'llama-server',
  library: 'ollama',
  // The Python server of llama.cpp leaves its example's value in place.
  me: 'llama-cpp-python',
};

/**
 * Detects the program at an endpoint: from its list of models, else from addresses that only one program has. Undefined if there was no
 * answer, or only a temporary refusal, so that the caller can ask again later. Rejects only with the signal's reason.
 *
 * `given` is the operator's own statement; then only details are requested.
 */
export async function detectServer(
  client: HttpClient,
  given: ServerKind | undefined,
  signal: AbortSignal,
): Promise<ServerFacts | undefined> {
  const { endpoint } = client;
  let hasAnswered = false;
  const get: Get = async (url, schema) => {
    const request = { url, timeoutMs: PROBE_TIMEOUT_MS, maxBytes: MAX_PROBE_BYTES, isProbe: true };
    const reply = await client.send(request, signal);
    if (reply.ok || isAnswer(reply.problem)) hasAnswered = true;
    return reply.ok ? schema.safeParse(reply.value).data : undefined;
  };
  const listed = await get(urlOf(endpoint, '/models'), modelsSchema);
  const owner = listed?.data[0]?.owned_by ?? undefined;
  const known = given ?? (endpoint.isDefault ? 'openai' : owner === undefined ? undefined : KIND_BY_OWNER[owner]);
  const found = known === undefined ? await recognise(get, endpoint) : await describe(get, endpoint, known);
  if (!hasAnswered) return undefined;
  return { ...(listed !== undefined && { models: listed.data.map(({ id }) => id) }), ...found };
}

/** A server that is starting, or a gateway before it, answers 503 or the like to everything: that says nothing of what it is. */
function isAnswer({ status }: HttpProblem): boolean {
  return status !== undefined && status < 500 && status !== 408 && status !== 429;
}

type Get = <T>(url: URL, schema: z.ZodType<T>) => Promise<T | undefined>;

/** What the list of models does not say of a program that is known. */
async function describe(get: Get, endpoint: Endpoint, kind: ServerKind): Promise<ServerFacts> {
  if (kind === 'vllm') return { kind, ...(await get(rootUrlOf(endpoint, '/version'), versionSchema)) };
  if (kind === 'tei') return (await askTei(get, endpoint)) ?? { kind };
  return { kind };
}

/** Tells programs by addresses that only they have. */
async function recognise(get: Get, endpoint: Endpoint): Promise<ServerFacts> {
  const [tei, props, ollama] = await Promise.all([
    askTei(get, endpoint),
    get(rootUrlOf(endpoint, '/props'), propsSchema),
    get(rootUrlOf(endpoint, '/api/version'), versionSchema),
  ]);
  if (tei !== undefined) return tei;
  if (props !== undefined) return { kind: 'llama-server' };
  return ollama === undefined ? { kind: 'other' } : { kind: 'ollama', ...ollama };
}

async function askTei(get: Get, endpoint: Endpoint): Promise<ServerFacts | undefined> {
  const info = await get(rootUrlOf(endpoint, '/info'), teiSchema);
  if (info === undefined) return undefined;
  const serves = servedBy(Object.keys(info.model_type));
  return {
    kind: 'tei',
    ...(serves !== undefined && { serves }),
    ...(info.max_client_batch_size !== undefined && { maxBatch: info.max_client_batch_size }),
  };
}

function servedBy(types: readonly string[]): 'embed' | 'rerank' | undefined {
  const type = types[0]?.toLowerCase();
  if (type === 'embedding') return 'embed';
  return type === 'reranker' ? 'rerank' : undefined;
}
