import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Env } from '../../core/env.ts';
import { defineModel } from '../define-model.ts';
import { compileOutput } from '../grammar/compile-output.ts';
import type { Model } from '../port.ts';
import type { ModelSelection } from '../provider.ts';
import { createItemQuarantine } from './batch/item-quarantine.ts';
import { type EmbeddingApi, embedThrough } from './embed/embed-through.ts';
import type { EmbeddingWishes } from './embed/openai-embeddings.ts';
import { createDimensionGuard } from './embed/read-vectors.ts';
import { countOf, memberOf } from './embed/share-tokens.ts';
import { type Endpoint, rootUrlOf } from './endpoint.ts';
import { type AskChat, CANARY, type ChatRequest, chatTimeoutMs, MAX_CHAT_BYTES } from './generate/chat-api.ts';
import { constraintsFor } from './generate/constraints.ts';
import { generateThrough } from './generate/generate-through.ts';
import { fingerprintOf } from './http-provider.ts';
import { ANY_MODEL, knownCohereModel } from './known-models.ts';
import { cohereRerank } from './rerank/rerank-api.ts';
import { rerankThrough } from './rerank/rerank-through.ts';
import { createHttpClient, type HttpClient, MAX_REQUESTS_AT_ONCE } from './transport/http-client.ts';
import { brokenOff, garbled } from './transport/problem.ts';

/** Cohere's limits for a request. */
const MAX_TEXTS = 96;
const MAX_DOCUMENTS = 1_000;
const MAX_REQUEST_BYTES = 256 * 1024;

/** A model to load, and where its server is. */
export interface CohereLoading {
  readonly env: Env;
  readonly clock: Clock;
  readonly endpoint: Endpoint;
  readonly selection: ModelSelection;
  /** The name that the server knows. */
  readonly model: string;
}

/** Makes no call: the first request finds a wrong model or key. */
export function loadCohereModel({ env, clock, endpoint, selection, model }: CohereLoading): Model {
  const client = createHttpClient({ endpoint, env, clock });
  const known = endpoint.isDefault ? knownCohereModel(model) : ANY_MODEL;
  const quarantine = createItemQuarantine();
  const { dimensions, inputType } = selection;
  const guard = createDimensionGuard(dimensions ?? known.dimensions?.[0]);
  const budget = { maxItems: MAX_TEXTS, maxBytes: MAX_REQUEST_BYTES };
  return defineModel({
    name: selection.name,
    runtime: 'cohere',
    fingerprint: fingerprintOf(endpoint, 'cohere', selection),
    isCacheable: known.isFixed === true,
    maxConcurrency: MAX_REQUESTS_AT_ONCE,
    ...(known.functions.includes('embed') && {
      embed: {
        ...embedThrough(
          { client, quarantine, guard, budget },
          cohereEmbeddings(endpoint, { model, dimensions, inputType }),
        ),
        runQueries: embedThrough(
          { client, quarantine, guard, budget },
          cohereEmbeddings(endpoint, { model, dimensions, inputType: 'search_query' }),
        ).run,
        ...(guard.dimensions !== undefined && { dimensions: guard.dimensions }),
        ...(guard.forget !== undefined && { forgetLength: guard.forget }),
      },
    }),
    ...(known.functions.includes('rerank') && {
      rerank: rerankThrough({
        client,
        model,
        quarantine,
        budget: { maxItems: MAX_DOCUMENTS, maxBytes: MAX_REQUEST_BYTES },
        apis: async () => [cohereRerank(endpoint, model)],
        scale: 'probability',
      }),
    }),
    ...(known.functions.includes('generate') && {
      generate: {
        ...generateThrough({
          client,
          quarantine,
          ask: createCohereChat(client, model),
          compile: compileOutput,
          constraintsFor: async (output, grammar) => constraintsFor('cohere', output, grammar),
          isRefusalLasting: false,
        }),
        functions: ['generate', 'generate_json', 'generate_regex', 'generate_choice'],
      },
    }),
    close: () => client.close(),
  });
}

/** Cohere's `/v2/embed`. */
function cohereEmbeddings(endpoint: Endpoint, { model, dimensions, inputType }: EmbeddingWishes): EmbeddingApi {
  return {
    requestOf: (texts) => ({
      url: rootUrlOf(endpoint, '/v2/embed'),
      body: {
        model,
        texts,
        // The API asks for one; rows of a table are what is searched.
        input_type: inputType ?? 'search_document',
        embedding_types: ['float'],
        ...(dimensions !== undefined && { output_dimension: dimensions }),
      },
    }),
    vectorsOf(answer, count) {
      const vectors = memberOf(memberOf(answer, 'embeddings'), 'float');
      return Array.isArray(vectors) && vectors.length === count ? vectors : undefined;
    },
    tokensOf: (answer) => countOf(memberOf(memberOf(memberOf(answer, 'meta'), 'billed_units'), 'input_tokens')),
  };
}

const answerSchema = z.object({
  finish_reason: z.string().nullish(),
  message: z.object({ content: z.array(z.object({ type: z.string(), text: z.string().optional() })).nullish() }),
});

/** How Cohere says that an answer is not whole because it failed. */
const BROKEN_OFF: ReadonlySet<unknown> = new Set(['ERROR', 'TIMEOUT']);

/** Asks Cohere's `/v2/chat`. */
function createCohereChat(client: HttpClient, model: string): AskChat {
  const bodyOf = ({ turns, maxTokens, seed, temperature, fields }: ChatRequest) => {
    return { model, messages: turns, max_tokens: maxTokens, temperature, seed, stream: false, ...fields };
  };
  const url = rootUrlOf(client.endpoint, '/v2/chat');

  return async (request, asking, signal) => {
    const limits = { timeoutMs: chatTimeoutMs(asking), maxBytes: MAX_CHAT_BYTES };
    const question = { url, body: bodyOf(request), canary: bodyOf(CANARY), ...limits, ...asking };
    const reply = await client.send(question, signal);
    if (!reply.ok) return reply;
    const answer = answerSchema.safeParse(reply.value).data;
    if (answer === undefined) {
      return { ok: false, problem: garbled(client.endpoint, 'gave something other than a chat answer') };
    }
    if (BROKEN_OFF.has(answer.finish_reason)) {
      return { ok: false, problem: brokenOff(client.endpoint, 'broke its answer off') };
    }
    const text = (answer.message.content ?? []).map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
    const isFiltered = answer.finish_reason === 'ERROR_TOXIC';
    return {
      ok: true,
      answer: {
        text,
        isCut: answer.finish_reason === 'MAX_TOKENS',
        ...(isFiltered && { refusal: 'its content filter stopped the answer' }),
      },
    };
  };
}
