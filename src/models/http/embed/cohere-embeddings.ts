import { type Endpoint, rootUrlOf } from '../endpoint.ts';
import type { EmbeddingApi } from './embed-through.ts';
import type { EmbeddingWishes } from './openai-embeddings.ts';

/** Cohere's `/v2/embed`. */
export function cohereEmbeddings(endpoint: Endpoint, { model, dimensions, inputType }: EmbeddingWishes): EmbeddingApi {
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
  };
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key]; // an object of unknown members
}
