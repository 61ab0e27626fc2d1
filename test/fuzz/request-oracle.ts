import type { RequestFunction } from '../../src/core/request-functions.ts';
import { echoOf } from './echo-provider.ts';

/**
 * What parameters must lead to, said a second time and in another way than the product says it: the message of the failure, or undefined
 * for parameters that are to be answered. Of several reasons any will do.
 */
export function reasonsToFail(functionName: RequestFunction, parameters: Readonly<Record<string, unknown>>): string[] {
  const { use_cache, seed, max_tokens, prompt, text_input, query, documents, task, schema, pattern, choices } =
    parameters;
  const reasons: string[] = [];
  const check = (isFine: boolean, reason: string) => {
    if (!isFine) reasons.push(reason);
  };
  check(isAbsent(use_cache) || typeof use_cache === 'boolean', 'use_cache must be true or false');
  if (functionName === 'embed') check(isText(text_input), 'Text input cannot be empty');
  else check(isAbsent(seed) || isInteger(seed, 0, 2_147_483_647), 'Seed must be a non-negative integer');
  if (functionName === 'rerank') {
    check(isText(query), 'Query cannot be empty');
    check(isTexts(documents) && documents.length > 0, 'Documents cannot be empty or contain nulls');
    check(isAbsent(task) || typeof task === 'string', 'task must be a text');
  }
  if (functionName.startsWith('generate')) {
    check(isText(prompt), 'Prompt cannot be empty');
    check(max_tokens === undefined || isInteger(max_tokens, 1, 4_096), 'max_tokens must be between 1 and 4096');
  }
  if (functionName === 'generate_regex') check(isText(pattern), 'Pattern cannot be empty');
  if (functionName === 'generate_choice') {
    check(Array.isArray(choices) && choices.length >= 2, 'Must provide at least 2 choices');
    const isSound = isTexts(choices) && choices.every(isText) && new Set(choices).size === choices.length;
    check(isSound, 'Choices cannot contain nulls, blanks or duplicates');
  }
  if (functionName === 'generate_json') {
    check(!isAbsent(schema), 'Schema cannot be null');
    check(typeof schema === 'boolean' || isObject(schema), 'Schema must be a JSON object or boolean');
    check(depthOf(schema) <= 128, 'Schema cannot be nested deeper than 128 levels');
  }
  return reasons;
}

/** True when a result is what the worker of these tests answers to parameters that are in order. */
export function isRightAnswer(
  functionName: RequestFunction,
  { prompt, choices, documents }: Readonly<Record<string, unknown>>,
  result: string,
): boolean {
  if (functionName === 'embed') {
    const vector: unknown = JSON.parse(result);
    return Array.isArray(vector) && vector.length === 384 && vector.every((value) => typeof value === 'number');
  }
  if (functionName === 'rerank') {
    const ranking: unknown = JSON.parse(result);
    const seen = Array.isArray(ranking) ? ranking.map(([document]: unknown[]) => document) : [];
    return JSON.stringify(seen.toSorted()) === JSON.stringify(isTexts(documents) ? documents.toSorted() : undefined);
  }
  const echo = echoOf(
    String(prompt),
    functionName === 'generate_json',
    functionName === 'generate_choice' && isTexts(choices) ? choices : undefined,
  );
  return result === echo;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && [...value].some((character) => !' \t\n\r\f\v'.includes(character));
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Math.trunc(value) === value && value >= min && value <= max;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Level by level, as what it measures may be deeper than the stack. */
function depthOf(value: unknown): number {
  let depth = 0;
  for (let level = childrenOf([value]); level.length > 0; level = childrenOf(level.flatMap(Object.values))) depth += 1;
  return depth;
}

function childrenOf(values: readonly unknown[]): object[] {
  return values.filter((value): value is object => typeof value === 'object' && value !== null);
}
