import { type Endpoint, rootUrlOf } from '../endpoint.ts';
import type { EmbeddingApi } from './embed-through.ts';
import type { EmbeddingWishes } from './openai-embeddings.ts';
import { countOf, memberOf } from './share-tokens.ts';

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
    tokensOf: (answer) => countOf(memberOf(memberOf(memberOf(answer, 'meta'), 'billed_units'), 'input_tokens')),
  };
}
