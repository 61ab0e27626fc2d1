import type { Clock } from '../../core/clock.ts';
import type { Env } from '../../core/env.ts';
import { defineModel } from '../define-model.ts';
import { compileOutput } from '../grammar/compile-output.ts';
import type { Model } from '../port.ts';
import type { ModelSelection } from '../provider.ts';
import { createSuspects } from './batch/suspects.ts';
import { cohereEmbeddings } from './embed/cohere-embeddings.ts';
import { embedThrough } from './embed/embed-through.ts';
import { createDimensionGuard } from './embed/read-vectors.ts';
import type { Endpoint } from './endpoint.ts';
import { createCohereChat } from './generate/cohere-chat.ts';
import { constraintsFor } from './generate/constraints.ts';
import { generateThrough } from './generate/generate-through.ts';
import { fingerprintOf } from './http-provider.ts';
import { ANY_MODEL, knownCohereModel } from './known-models.ts';
import { cohereRerank } from './rerank/rerank-api.ts';
import { rerankThrough } from './rerank/rerank-through.ts';
import { createHttpClient, MAX_REQUESTS_AT_ONCE } from './transport/http-client.ts';

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

/** Calls nobody: what is wrong with the model or the key is found out by its first request. */
export function loadCohereModel({ env, clock, endpoint, selection, model }: CohereLoading): Model {
  const client = createHttpClient({ endpoint, env, clock });
  const known = endpoint.isDefault ? knownCohereModel(model) : ANY_MODEL;
  const suspects = createSuspects();
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
          { client, suspects, guard, budget },
          cohereEmbeddings(endpoint, { model, dimensions, inputType }),
        ),
        runQueries: embedThrough(
          { client, suspects, guard, budget },
          cohereEmbeddings(endpoint, { model, dimensions, inputType: 'search_query' }),
        ).run,
        ...(guard.dimensions !== undefined && { dimensions: guard.dimensions }),
      },
    }),
    ...(known.functions.includes('rerank') && {
      rerank: rerankThrough({
        client,
        model,
        suspects,
        budget: { maxItems: MAX_DOCUMENTS, maxBytes: MAX_REQUEST_BYTES },
        apis: async () => [cohereRerank(endpoint, model)],
        scale: 'probability',
      }),
    }),
    ...(known.functions.includes('generate') && {
      generate: {
        ...generateThrough({
          client,
          suspects,
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
