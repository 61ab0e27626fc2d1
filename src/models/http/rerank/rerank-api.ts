import { putInOrder } from '../batch/put-in-order.ts';
import { type Endpoint, rootUrlOf, urlOf } from '../endpoint.ts';
import type { ServerFacts } from '../server/server-facts.ts';

/** One way of asking for scores. */
export interface RerankApi {
  readonly url: URL;
  bodyOf(query: string, documents: readonly string[]): unknown;
}

/** The ways that a server may know, most likely first; those it does not know it answers with 404. */
export function rerankApis(endpoint: Endpoint, { kind }: ServerFacts, model: string): RerankApi[] {
  // Jina's shape, which vLLM, llama-server, LiteLLM and others took over.
  const jina = { url: urlOf(endpoint, '/rerank'), bodyOf: documentsBody(model) };
  const cohere = cohereRerank(endpoint, model);
  const tei: RerankApi = {
    url: rootUrlOf(endpoint, '/rerank'),
    bodyOf: (query, texts) => ({ query, texts, raw_scores: false, truncate: true }),
  };
  return kind === 'tei' ? [tei] : [jina, cohere, tei];
}

/** Cohere's `/v2/rerank`. */
export function cohereRerank(endpoint: Endpoint, model: string): RerankApi {
  return { url: rootUrlOf(endpoint, '/v2/rerank'), bodyOf: documentsBody(model) };
}

function documentsBody(model: string): RerankApi['bodyOf'] {
  return (query, documents) => ({ model, query, documents, top_n: documents.length });
}

/** The scores in document order, from `{results}`, `{data}` or a bare list; undefined unless there is one finite number for each. */
export function readScores(answer: unknown, count: number): number[] | undefined {
  const entries = Array.isArray(answer) ? answer : (memberOf(answer, 'results') ?? memberOf(answer, 'data'));
  const ordered = putInOrder(entries, count);
  const scores = ordered?.map((entry) => entry['relevance_score'] ?? entry['score']);
  return scores?.every((score) => typeof score === 'number' && Number.isFinite(score)) === true
    ? (scores as number[]) // all were found to be numbers
    : undefined;
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key]; // an object of unknown members
}
