import { putInOrder } from '../batch/put-in-order.ts';
import { type Endpoint, urlOf } from '../endpoint.ts';
import type { EmbeddingApi } from './embed-through.ts';
import { countOf, memberOf } from './share-tokens.ts';

export interface EmbeddingWishes {
  /** The name that the server knows. */
  readonly model: string;
  /** Length to ask for; the model's own when undefined. */
  readonly dimensions: number | undefined;
  /** What the texts are, in the server's words. */
  readonly inputType: string | undefined;
}

/** `/embeddings` as OpenAI, vLLM, TEI, llama-server, Ollama and most others serve it. */
export function openAiEmbeddings(endpoint: Endpoint, { model, dimensions, inputType }: EmbeddingWishes): EmbeddingApi {
  // A quarter of the bytes of numbers as text, and less work to read. Most servers that do not know it ignore it.
  let wantsBase64 = true;
  return {
    requestOf: (texts) => ({
      url: urlOf(endpoint, '/embeddings'),
      body: {
        model,
        input: texts,
        ...(wantsBase64 && { encoding_format: 'base64' }),
        ...(dimensions !== undefined && { dimensions }),
        ...(inputType !== undefined && { input_type: inputType }),
      },
    }),
    vectorsOf(answer, count) {
      const data = typeof answer === 'object' && answer !== null && 'data' in answer ? answer.data : undefined;
      return putInOrder(data, count)?.map(({ embedding }) => embedding);
    },
    tokensOf: (answer) => countOf(memberOf(memberOf(answer, 'usage'), 'prompt_tokens')),
    adapt({ kind, param, words }) {
      if (!wantsBase64 || kind !== 'refused') return false;
      wantsBase64 = !(param === 'encoding_format' || /encoding_format|base64/i.test(words));
      return !wantsBase64;
    },
  };
}
