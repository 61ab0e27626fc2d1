import { parseJson } from './json/json-text.ts';
import { jsonbProblem } from './json/jsonb-problem.ts';
import { failed, type ItemOutcome } from './outcome.ts';
import type { GenerateItem, RerankItem } from './port.ts';

/** How far the length of an embedding may be from 1. */
const NORM_TOLERANCE = 1e-3;

/** With the `u` flag, a pair is one character, so this finds halves only. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

const KINDS: ReadonlySet<unknown> = new Set(['invalid', 'failed', 'unavailable']);

/**
 * The outcomes with every wrong answer turned into a `failed` one, one per item and in order.
 *
 * `problemOf` says what is wrong with an answer, or nothing.
 *
 * @throws Error when the outcomes are not one per item: then it is unknown which belongs to which.
 */
export function verifyOutcomes<Item, Value>(
  items: readonly Item[],
  outcomes: readonly ItemOutcome<Value>[],
  problemOf: (value: Value, item: Item) => string | undefined,
): ItemOutcome<Value>[] {
  if (!Array.isArray(outcomes) || outcomes.length !== items.length) {
    throw new Error(
      `The model gave ${Array.isArray(outcomes) ? outcomes.length : 'no'} answers to ${items.length} items`,
    );
  }
  return items.map((item, index) => {
    const outcome = outcomes[index];
    if (outcome?.ok === true) {
      const problem = problemOf(outcome.value, item);
      return problem === undefined ? outcome : failed(problem);
    }
    return KINDS.has(outcome?.error?.kind) && outcome !== undefined ? outcome : failed('The model gave no answer');
  });
}

/** What is wrong with an embedding: its type, length, a value that is not finite, or a norm that is not 1. */
export function embeddingProblem(vector: Float32Array, dimensions: number | undefined): string | undefined {
  if (!(vector instanceof Float32Array)) return 'The model gave something other than a vector of float32 values';
  if (vector.length === 0) return 'The model gave an empty vector';
  if (dimensions !== undefined && vector.length !== dimensions) {
    return `The model gave ${vector.length} dimensions instead of ${dimensions}`;
  }
  let squares = 0;
  // By index: an iterator costs six times as much.
  for (let at = 0; at < vector.length; at += 1) squares += (vector[at] ?? 0) ** 2;
  if (!Number.isFinite(squares)) return 'The model gave a vector with a value that is not a finite number';
  const norm = Math.sqrt(squares);
  return Math.abs(norm - 1) <= NORM_TOLERANCE ? undefined : `The model gave a vector of length ${norm} instead of 1`;
}

/** What is wrong with the scores of one item: their number, or a score that is not from 0 to 1. */
export function rankingProblem(scores: readonly number[], { documents }: RerankItem): string | undefined {
  if (!Array.isArray(scores) || scores.length !== documents.length) {
    return `The model gave ${Array.isArray(scores) ? scores.length : 'no'} scores for ${documents.length} documents`;
  }
  const wrong = scores.find((score) => !(typeof score === 'number' && score >= 0 && score <= 1));
  return wrong === undefined ? undefined : `The model gave the score ${String(wrong)}, which is not from 0 to 1`;
}

/**
 * What is wrong with a generated text: a type other than text, a character that PostgreSQL cannot hold, JSON that does
 * not parse or cannot become `jsonb`, or a text that is none of the choices. Schemas and patterns are the model's duty.
 */
export function textProblem(text: string, { output }: GenerateItem): string | undefined {
  if (typeof text !== 'string') return 'The model gave something other than a text';
  if (text.includes('\0')) return 'The model gave a text with a zero character, which PostgreSQL cannot hold';
  if (LONE_SURROGATE.test(text)) return 'The model gave a text with half a surrogate pair';
  if (output.kind === 'choice' && !output.choices.includes(text)) return 'The model gave none of the choices';
  if (output.kind === 'json') return jsonProblem(text);
  return undefined;
}

function jsonProblem(text: string): string | undefined {
  try {
    const problem = jsonbProblem(parseJson(text));
    return problem === undefined ? undefined : `The model gave JSON with ${problem} that jsonb cannot hold`;
  } catch {
    // Nor is it where it is nested beyond what the stack has room for: jsonb cannot hold that either.
    return 'The model gave a text that is not JSON';
  }
}
