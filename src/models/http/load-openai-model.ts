import type { Clock } from '../../core/clock.ts';
import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { RequestFunction } from '../../core/request-functions.ts';
import { didYouMean } from '../../core/suggest.ts';
import { defineModel } from '../define-model.ts';
import { compileOutput } from '../grammar/compile-output.ts';
import type { GenerateFunction, Model } from '../port.ts';
import type { ModelSelection } from '../provider.ts';
import { type SharedLoad, shareLoad } from '../shared-load.ts';
import type { RequestBudget } from './batch/batch-budget.ts';
import { createItemQuarantine } from './batch/item-quarantine.ts';
import { embedThrough } from './embed/embed-through.ts';
import { openAiEmbeddings } from './embed/openai-embeddings.ts';
import { createDimensionGuard } from './embed/read-vectors.ts';
import type { Endpoint } from './endpoint.ts';
import type { ChatDialect } from './generate/chat-dialect.ts';
import { constraintsFor } from './generate/constraints.ts';
import { generateThrough } from './generate/generate-through.ts';
import { createOpenAiChat } from './generate/openai-chat.ts';
import { fingerprintOf } from './http-provider.ts';
import { ANY_MODEL, knownOpenAiModel } from './known-models.ts';
import { rerankApis } from './rerank/rerank-api.ts';
import { findLackOfRerank, rerankThrough } from './rerank/rerank-through.ts';
import { detectServer } from './server/detect-server.ts';
import { isStrictAboutModels, type ServerFacts, type ServerKind, UNKNOWN_SERVER } from './server/server-facts.ts';
import { createHttpClient, MAX_REQUESTS_AT_ONCE } from './transport/http-client.ts';

/** A quarter of a megabyte is at most 300,000 tokens, OpenAI's limit for a request. */
const MAX_REQUEST_BYTES = 256 * 1024;
const MAX_TEXTS = 256;
const MAX_DOCUMENTS = 256;

/** A model to load, and all that the environment says of its server. */
export interface OpenAiLoading {
  readonly env: Env;
  readonly clock: Clock;
  readonly endpoint: Endpoint;
  readonly given: ServerKind | undefined;
  readonly api: ChatDialect['api'];
  readonly selection: ModelSelection;
  /** The name that the server knows. */
  readonly model: string;
}

/**
 * Calls the server only to learn what it is.
 *
 * @throws LamplighterError MODEL_NOT_FOUND when the server says that it has no such model.
 */
export async function loadOpenAiModel(loading: OpenAiLoading, loadSignal: AbortSignal): Promise<Model> {
  const { endpoint, selection, model } = loading;
  const client = createHttpClient(loading);
  try {
    let facts = await detectServer(client, loading.given, loadSignal);
    refuseMissing(model, facts, endpoint);
    const assumed: ServerFacts = endpoint.isDefault ? { kind: 'openai' } : UNKNOWN_SERVER;
    let asking: SharedLoad<ServerFacts | undefined> | undefined;
    const factsNow = async (now: AbortSignal): Promise<ServerFacts> => {
      if (facts !== undefined) return facts;
      // Once for all requests that wait for it.
      if (asking === undefined || asking.isAborted) {
        const fresh = shareLoad((signal) => detectServer(client, loading.given, signal));
        asking = fresh;
        void fresh.ended.then((found) => {
          facts ??= found;
          if (asking === fresh) asking = undefined;
        });
      }
      return (await asking.join(now)) ?? assumed;
    };
    const known = endpoint.isDefault ? knownOpenAiModel(model) : ANY_MODEL;
    const isOffered = (fn: RequestFunction) => known.functions.includes(fn) && isServedBy(facts, fn);
    const lackOfRerank =
      facts !== undefined && facts.kind !== 'tei' && isOffered('rerank')
        ? await findLackOfRerank(client, rerankApis(endpoint, facts, model), loadSignal)
        : undefined;
    const serves = (fn: RequestFunction) => isOffered(fn) && !(fn === 'rerank' && lackOfRerank !== undefined);
    const quarantine = createItemQuarantine();
    const budget: RequestBudget = {
      maxItems: Math.min(MAX_TEXTS, facts?.maxBatch ?? MAX_TEXTS),
      maxBytes: MAX_REQUEST_BYTES,
    };
    const { dimensions, inputType } = selection;
    const guard = createDimensionGuard(dimensions ?? known.dimensions?.[0]);
    return defineModel({
      name: selection.name,
      runtime: 'openai',
      fingerprint: fingerprintOf(endpoint, 'openai', selection),
      isCacheable: known.isFixed === true,
      maxConcurrency: MAX_REQUESTS_AT_ONCE,
      ...(lackOfRerank !== undefined && { refusals: { rerank: lackOfRerank } }),
      ...(serves('embed') && {
        embed: {
          ...embedThrough(
            { client, quarantine, guard, budget },
            openAiEmbeddings(endpoint, { model, dimensions, inputType }),
          ),
          ...(guard.dimensions !== undefined && { dimensions: guard.dimensions }),
          ...(guard.forget !== undefined && { forgetLength: guard.forget }),
        },
      }),
      ...(serves('rerank') && {
        rerank: rerankThrough({
          client,
          model,
          quarantine,
          budget: { maxItems: Math.min(MAX_DOCUMENTS, facts?.maxBatch ?? MAX_DOCUMENTS), maxBytes: MAX_REQUEST_BYTES },
          apis: async (now) => rerankApis(endpoint, await factsNow(now), model),
          scale: facts?.kind === 'tei' ? 'probability' : undefined,
        }),
      }),
      ...(serves('generate') && {
        generate: {
          ...generateThrough({
            client,
            quarantine,
            ask: createOpenAiChat(client, model, { ...dialectOf(facts ?? assumed), api: loading.api }),
            compile: compileOutput,
            constraintsFor: async (output, grammar, now) => constraintsFor(await factsNow(now), output, grammar),
            isRefusalLasting: facts?.kind === 'other',
          }),
          functions: GENERATE_FUNCTIONS,
        },
      }),
      close: () => client.close(),
    });
  } catch (error) {
    await client.close();
    throw error;
  }
}

const GENERATE_FUNCTIONS: readonly GenerateFunction[] = [
  'generate',
  'generate_json',
  'generate_regex',
  'generate_choice',
];

function isServedBy(facts: ServerFacts | undefined, fn: RequestFunction): boolean {
  if (facts?.kind !== 'tei') return true;
  return facts.serves === undefined ? fn === 'embed' || fn === 'rerank' : fn === facts.serves;
}

/** OpenAI's newer models take `max_completion_tokens` only; most other servers know `max_tokens` only. */
function dialectOf({ kind }: ServerFacts): ChatDialect {
  const tokenLimit = kind === 'openai' ? 'max_completion_tokens' : 'max_tokens';
  return { api: 'chat', tokenLimit, takesTemperature: true, takesSeed: true };
}

/** A name that the server surely does not have is found out now, not by each request. */
function refuseMissing(model: string, facts: ServerFacts | undefined, { label }: Endpoint): void {
  if (facts?.models === undefined || !isStrictAboutModels(facts)) return;
  const isThere = facts.models.includes(model) || (facts.kind === 'ollama' && facts.models.includes(`${model}:latest`));
  if (isThere) return;
  const message = `${label} has no model "${model}".${didYouMean(model, facts.models)}`;
  throw new LamplighterError('MODEL_NOT_FOUND', message);
}
