import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { RequestFunction } from '../core/request-functions.ts';
import { isBlank } from './blank-text.ts';
import { parseJson } from './json/json-text.ts';
import { canonicalJson, isJsonObject, isNestedWithin, type JsonSchema, MAX_JSON_DEPTH } from './json-value.ts';
import { type ItemOutcome, invalid, succeeded } from './outcome.ts';
import type { GenerateItem, GenerateOutput, Model, ModelRequest } from './port.ts';

/** A row of `steadytext_queue` as a worker runs it. */
export interface ParsedRequest {
  readonly request: ModelRequest;
  /** Whether an answer given before may be used, and this one kept. */
  readonly useCache: boolean;
}

const MAX_INT4 = 2 ** 31 - 1;

const DEFAULT_TASK = 'Given a web search query, retrieve relevant passages that answer the query';

/** The messages are those of the SQL functions: rows can be written and edited by hand, past them. */
const TOKENS_MESSAGE = 'max_tokens must be between 1 and 4096';
const SEED_MESSAGE = 'Seed must be a non-negative integer';
const SCHEMA_MESSAGE = 'Schema must be a JSON object or boolean';
const CHOICES_MESSAGE = 'Choices cannot contain nulls, blanks or duplicates';
const DOCUMENTS_MESSAGE = 'Documents cannot be empty or contain nulls';

const shared = { use_cache: orDefault(z.boolean('use_cache must be true or false'), true) };
const seed = orDefault(z.int(SEED_MESSAGE).min(0, SEED_MESSAGE).max(MAX_INT4, SEED_MESSAGE), 42);
const generate = {
  ...shared,
  prompt: notBlank('Prompt cannot be empty'),
  max_tokens: z.int(TOKENS_MESSAGE).min(1, TOKENS_MESSAGE).max(4096, TOKENS_MESSAGE).default(512),
  seed,
};

const choices = z
  .array(z.unknown(), 'Must provide at least 2 choices')
  .min(2, { error: 'Must provide at least 2 choices', abort: true })
  .pipe(z.array(notBlank(CHOICES_MESSAGE)))
  .refine((list) => new Set(list).size === list.length, CHOICES_MESSAGE);

const jsonSchema = z
  .unknown()
  .refine((value) => value !== null && value !== undefined, { error: 'Schema cannot be null', abort: true })
  .refine((value) => typeof value === 'boolean' || isJsonObject(value), {
    error: SCHEMA_MESSAGE,
    abort: true,
  })
  .refine((value) => isNestedWithin(value), {
    error: `Schema cannot be nested deeper than ${MAX_JSON_DEPTH} levels`,
    abort: true,
  })
  .transform((value) => value as JsonSchema); // JSON of such a form is one

/** Parsers from a row's `parameters` to what a model takes; keys that are not known are ignored. */
const PARSERS: Readonly<Record<RequestFunction, z.ZodType<ParsedRequest>>> = {
  embed: z
    .object({
      ...shared,
      text_input: notBlank('Text input cannot be empty'),
      input_type: orDefault(z.enum(['document', 'query'], 'input_type must be document or query'), 'document'),
    })
    .transform((row) => {
      const isQuery = row.input_type === 'query';
      return parsed({ function: 'embed', item: row.text_input, ...(isQuery ? { isQuery } : {}) }, row);
    }),
  rerank: z
    .object({
      ...shared,
      query: notBlank('Query cannot be empty'),
      documents: z.array(z.string(DOCUMENTS_MESSAGE), DOCUMENTS_MESSAGE).min(1, DOCUMENTS_MESSAGE),
      task: orDefault(z.string('task must be a text'), DEFAULT_TASK),
      seed,
    })
    .transform((row) => {
      const { query, documents, task } = row;
      return parsed({ function: 'rerank', item: { query, documents, task, seed: row.seed } }, row);
    }),
  generate: z
    .object(generate)
    .transform((row) => parsed({ function: 'generate', item: generateItem(row, { kind: 'plain' }) }, row)),
  generate_json: z
    .object({ ...generate, schema: jsonSchema })
    .transform((row) =>
      parsed({ function: 'generate_json', item: generateItem(row, { kind: 'json', schema: row.schema }) }, row),
    ),
  generate_regex: z
    .object({ ...generate, pattern: notBlank('Pattern cannot be empty') })
    .transform((row) =>
      parsed({ function: 'generate_regex', item: generateItem(row, { kind: 'regex', pattern: row.pattern }) }, row),
    ),
  generate_choice: z
    .object({ ...generate, choices })
    .transform((row) =>
      parsed({ function: 'generate_choice', item: generateItem(row, { kind: 'choice', choices: row.choices }) }, row),
    ),
};

/**
 * The request in a row's `function_name` and `parameters`, the latter as text, or `invalid` with the message that the SQL function gives.
 * Numbers of a schema are exactly those of the text.
 */
export function parseRequest(fn: RequestFunction, parameters: string | null | undefined): ItemOutcome<ParsedRequest> {
  // Only schemas have numbers that no double holds: the text of a prompt is looked through for nothing.
  const read = fn === 'generate_json' ? parseJson : JSON.parse;
  const row: unknown = read(parameters ?? 'null');
  if (!isJsonObject(row)) return invalid('parameters must be a JSON object');
  const result = PARSERS[fn].safeParse(row);
  return result.success
    ? succeeded(result.data)
    : invalid(result.error.issues[0]?.message ?? 'parameters are not valid');
}

function notBlank(message: string) {
  return z.string(message).refine((text) => !isBlank(text), message);
}

/** Absent and null both mean the default, as SQL callers who pass NULL for an option mean it. */
function orDefault<Value>(schema: z.ZodType<Value>, value: Value) {
  return schema.nullish().transform((given) => given ?? value);
}

function parsed(request: ModelRequest, row: { readonly use_cache: boolean }): ParsedRequest {
  return { request, useCache: row.use_cache };
}

function generateItem(
  row: { readonly prompt: string; readonly max_tokens: number; readonly seed: number },
  output: GenerateItem['output'],
): GenerateItem {
  return { prompt: row.prompt, maxTokens: row.max_tokens, seed: row.seed, output };
}

/** Raise it when the layout of the hashed fields changes. */
const LAYOUT = 'lamplighter 1';

/**
 * The key of a request's answer: 32 bytes of SHA-256 over the function, the model's fingerprint and every parameter
 * that changes the answer.
 *
 * Each field is hashed with its length before it, and lists with their count, so that no two different requests are the
 * same bytes. Texts are hashed as UTF-16, which keeps halves of surrogate pairs apart, where UTF-8 would not.
 */
export function cacheKey(model: Pick<Model, 'fingerprint'>, request: ModelRequest): Buffer {
  const fields = [LAYOUT, request.function, model.fingerprint, ...fieldsOf(request)];
  const bytes = Buffer.allocUnsafe(fields.reduce((total, field) => total + 4 + field.length * 2, 0));
  let end = 0;
  for (const field of fields) {
    end = bytes.writeUInt32LE(field.length, end);
    end += bytes.write(field, end, 'utf16le');
  }
  return hash('sha256', bytes, 'buffer');
}

function fieldsOf(request: ModelRequest): string[] {
  switch (request.function) {
    case 'embed':
      return request.isQuery === true ? [request.item, 'query'] : [request.item];
    case 'rerank': {
      const { query, documents, task, seed } = request.item;
      return [query, task, String(seed), String(documents.length), ...documents];
    }
    case 'generate':
    case 'generate_json':
    case 'generate_regex':
    case 'generate_choice': {
      const { prompt, maxTokens, seed, output } = request.item;
      return [prompt, String(maxTokens), String(seed), output.kind, ...outputFields(output)];
    }
  }
}

function outputFields(output: GenerateOutput): readonly string[] {
  switch (output.kind) {
    case 'plain':
      return [];
    case 'json':
      return [canonicalJson(output.schema)];
    case 'regex':
      return [output.pattern];
    case 'choice':
      return output.choices;
  }
}
