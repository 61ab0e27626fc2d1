import { type Clock, systemClock } from '../../core/clock.ts';
import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { RequestFunction } from '../../core/request-functions.ts';
import { showValue } from '../../core/show-value.ts';
import { didYouMean } from '../../core/suggest.ts';
import { defineModel } from '../define-model.ts';
import { compileOutput } from '../grammar/compile-output.ts';
import type { GenerateFunction, Model } from '../port.ts';
import type { ModelProvider, ModelSelection } from '../provider.ts';
import type { RequestBudget } from './batch/batch-budget.ts';
import { createSuspects } from './batch/suspects.ts';
import { embedThrough } from './embed/embed-through.ts';
import { openAiEmbeddings } from './embed/openai-embeddings.ts';
import { createDimensionGuard } from './embed/read-vectors.ts';
import { type Endpoint, type EndpointProblem, isEndpointProblem, parseEndpoint } from './endpoint.ts';
import type { ChatDialect } from './generate/chat-dialect.ts';
import { constraintsFor } from './generate/constraints.ts';
import { generateThrough } from './generate/generate-through.ts';
import { createOpenAiChat } from './generate/openai-chat.ts';
import { createHttpProvider, fingerprintOf } from './http-provider.ts';
import { ANY_MODEL, knownOpenAiModel } from './known-models.ts';
import { rerankApis } from './rerank/rerank-api.ts';
import { rerankThrough } from './rerank/rerank-through.ts';
import { detectServer } from './server/detect-server.ts';
import {
  isStrictAboutModels,
  SERVER_KINDS,
  type ServerFacts,
  type ServerKind,
  UNKNOWN_SERVER,
} from './server/server-facts.ts';
import { createHttpClient, MAX_REQUESTS_AT_ONCE } from './transport/http-client.ts';

const VARIABLES = {
  baseUrl: 'OPENAI_BASE_URL',
  key: 'OPENAI_API_KEY',
  defaultBaseUrl: 'https://api.openai.com/v1',
} as const;
const SERVER_VARIABLE = 'LAMPLIGHTER_OPENAI_SERVER';
const API_VARIABLE = 'LAMPLIGHTER_OPENAI_API';
const APIS: readonly ChatDialect['api'][] = ['chat', 'completions'];

/** A quarter of a megabyte is at most 300,000 tokens, OpenAI's limit for a request. */
const MAX_REQUEST_BYTES = 256 * 1024;
const MAX_TEXTS = 256;
const MAX_DOCUMENTS = 256;

export interface HttpProviderOptions {
  /** Read once: addresses, keys, proxies. */
  readonly env: Env;
  readonly clock?: Clock;
}

/**
 * Serves `openai/NAME` through any OpenAI-compatible server: `OPENAI_BASE_URL`, with the key in `OPENAI_API_KEY`.
 *
 * What program the server is decides how structured output is asked for; it is found out when a model is loaded, or said by
 * `LAMPLIGHTER_OPENAI_SERVER`. A server that is down at that time is asked again later. Text comes from its chat, or from
 * plain completion where it has no chat or `LAMPLIGHTER_OPENAI_API=completions` says so, for models without a template.
 */
export function createOpenAiProvider({ env, clock = systemClock }: HttpProviderOptions): ModelProvider {
  const endpoint = readEndpoint(env);
  const given = oneOf(SERVER_KINDS, env[SERVER_VARIABLE]);
  const api = oneOf(APIS, env[API_VARIABLE]) ?? 'chat';
  return createHttpProvider({
    runtime: 'openai',
    endpoint,
    knownModel: (server, model) => (server.isDefault ? knownOpenAiModel(model) : ANY_MODEL),
    inputTypeProblem: ({ isDefault }) => (isDefault ? "OpenAI's models do not tell input types apart" : undefined),
    load: (server, selection, model, signal) =>
      loadModel({ env, clock, endpoint: server, given, api, selection, model }, signal),
  });
}

interface Loading {
  readonly env: Env;
  readonly clock: Clock;
  readonly endpoint: Endpoint;
  readonly given: ServerKind | undefined;
  readonly api: ChatDialect['api'];
  readonly selection: ModelSelection;
  /** The name that the server knows. */
  readonly model: string;
}

async function loadModel(loading: Loading, signal: AbortSignal): Promise<Model> {
  const { endpoint, selection, model } = loading;
  const client = createHttpClient(loading);
  try {
    let facts = await detectServer(client, loading.given, signal);
    refuseMissing(model, facts, endpoint);
    const assumed: ServerFacts = endpoint.isDefault ? { kind: 'openai' } : UNKNOWN_SERVER;
    const factsNow = async (now: AbortSignal): Promise<ServerFacts> => {
      facts ??= await detectServer(client, loading.given, now);
      return facts ?? assumed;
    };
    const known = endpoint.isDefault ? knownOpenAiModel(model) : ANY_MODEL;
    const serves = (fn: RequestFunction) => known.functions.includes(fn) && isServedBy(facts, fn);
    const suspects = createSuspects();
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
      ...(serves('embed') && {
        embed: {
          ...embedThrough(
            { client, suspects, guard, budget },
            openAiEmbeddings(endpoint, { model, dimensions, inputType }),
          ),
          ...(guard.dimensions !== undefined && { dimensions: guard.dimensions }),
        },
      }),
      ...(serves('rerank') && {
        rerank: rerankThrough({
          client,
          model,
          suspects,
          budget: { maxItems: Math.min(MAX_DOCUMENTS, facts?.maxBatch ?? MAX_DOCUMENTS), maxBytes: MAX_REQUEST_BYTES },
          apis: async (now) => rerankApis(endpoint, await factsNow(now), model),
          scale: facts?.kind === 'tei' ? 'probability' : undefined,
        }),
      }),
      ...(serves('generate') && {
        generate: {
          ...generateThrough({
            client,
            suspects,
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

function readEndpoint(env: Env): Endpoint | EndpointProblem {
  const endpoint = parseEndpoint(env, VARIABLES);
  if (isEndpointProblem(endpoint)) return endpoint;
  // Given without a path, the address is that of the server, whose API is below /v1.
  if (endpoint.baseUrl.pathname === '/') endpoint.baseUrl.pathname = '/v1';
  return choiceProblem(env, SERVER_VARIABLE, SERVER_KINDS) ?? choiceProblem(env, API_VARIABLE, APIS) ?? endpoint;
}

function choiceProblem(env: Env, variable: string, choices: readonly string[]): EndpointProblem | undefined {
  const value = env[variable];
  if (value === undefined || choices.includes(value)) return undefined;
  const reason = `${variable} is ${showValue(value)}, which is none of ${choices.join(', ')}`;
  return { reason, hint: `Unset ${variable}, or set it to one of these.` };
}

function oneOf<T extends string>(choices: readonly T[], value: string | undefined): T | undefined {
  return choices.find((choice) => choice === value);
}
