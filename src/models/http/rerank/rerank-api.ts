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

/** What the scores of a model are: `probability` from 0 to 1, or `logit`, any number, that a sigmoid maps to 0 to 1. */
export type ScoreScale = 'probability' | 'logit';

/**
 * A question with a document that answers it and one that has nothing to do with it. Models that give logits answer them with
 * numbers far from zero on both sides, such as 8 and -11, so that one of the two lies outside 0 to 1.
 */
export const SCALE_QUESTION = {
  query: 'What is the capital of France?',
  documents: ['Paris is the capital of France.', 'Bananas grow in the tropics and are harvested green.'],
};

/** What scores say of their scale: one outside 0 to 1 (but for rounding) proves logits, all inside prove nothing. */
export function isBeyondProbability(scores: readonly number[]): boolean {
  return scores.some((score) => score < -1e-6 || score > 1 + 1e-6);
}

/** The score from 0 to 1. */
export function toProbability(score: number, scale: ScoreScale): number {
  return scale === 'logit' ? 1 / (1 + Math.exp(-score)) : Math.min(Math.max(score, 0), 1);
}
