import { systemClock } from '../../core/clock.ts';
import type { ModelProvider } from '../provider.ts';
import { parseEndpoint } from './endpoint.ts';
import { createHttpProvider } from './http-provider.ts';
import { ANY_MODEL, knownCohereModel } from './known-models.ts';
import type { HttpProviderOptions } from './openai-provider.ts';

const VARIABLES = {
  baseUrl: 'COHERE_BASE_URL',
  key: 'COHERE_API_KEY',
  defaultBaseUrl: 'https://api.cohere.com',
} as const;

/** The words that Cohere's API knows. */
const INPUT_TYPES: readonly string[] = ['search_document', 'search_query', 'classification', 'clustering'];
/** Serves `cohere/NAME` through Cohere's API, version 2: `COHERE_BASE_URL`, with the key in `COHERE_API_KEY`. */
export function createCohereProvider({ env, clock = systemClock }: HttpProviderOptions): ModelProvider {
  return createHttpProvider({
    runtime: 'cohere',
    endpoint: parseEndpoint(env, VARIABLES),
    knownModel: ({ isDefault }, model) => (isDefault ? knownCohereModel(model) : ANY_MODEL),
    inputTypeProblem: (_endpoint, inputType) =>
      INPUT_TYPES.includes(inputType) ? undefined : `input_type must be one of ${INPUT_TYPES.join(', ')}`,
    async load(endpoint, selection, model) {
      const { loadCohereModel } = await import('./load-cohere-model.ts');
      return loadCohereModel({ env, clock, endpoint, selection, model });
    },
  });
}
