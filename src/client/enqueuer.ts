import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { type CallerDb, createCallerDb } from './caller-db.ts';
import { requireKnownOptions } from './known-options.ts';
import type { RequestId } from './request-id.ts';
import type { RankedDocument } from './request-result.ts';
import { toInput, toScalarValue, toSchemaValue, toTextValue, toTextValues } from './request-values.ts';
import { tracedEnqueue } from './traced-enqueue.ts';

export interface EnqueueOptions {
  /** Queue inside this connection's open transaction: the request exists when that commits. @default a connection of the client */
  readonly db?: CallerDb | undefined;
  /** Let the worker take over the result of an equal request. @default true */
  readonly useCache?: boolean | undefined;
  /** Higher ones of the same function and model go first; any 32-bit integer, by convention 0 to 10. @default 0 */
  readonly priority?: number | undefined;
  /** A model that a worker has loaded; the request waits until one has. @default the worker's own choice */
  readonly model?: string | undefined;
}

export interface RerankOptions extends EnqueueOptions {
  /** The same seed gives the same result on the same machine. @default 42 */
  readonly seed?: number | undefined;
}

export interface GenerateOptions extends RerankOptions {
  /** Longest text, 1 to 4096 tokens. Structured output that is cut off by it fails. @default 512 */
  readonly maxTokens?: number | undefined;
}

/**
 * Queues requests and returns their ids at once; the arguments are those of `steadytext_*_async`, and the server checks them.
 *
 * Each rejects with a LamplighterError: REQUEST_INVALID for arguments that the server refuses, QUEUE_FULL, PERMISSION_DENIED,
 * SCHEMA_MISSING, CONFIG_INVALID for an option that does not exist, and those of connecting. After any error of the server the
 * transaction of `db` can only roll back.
 */
export interface Enqueuer {
  /** Asks for a text that continues the prompt. */
  generate(prompt: string, options?: GenerateOptions): Promise<RequestId<string>>;
  /** Asks for JSON that is valid under a JSON Schema, an object or a boolean. */
  generateJson(
    input: { readonly prompt: string; readonly schema: object | boolean },
    options?: GenerateOptions,
  ): Promise<RequestId>;
  /** Asks for a text that the pattern matches in full. */
  generateRegex(
    input: { readonly prompt: string; readonly pattern: string },
    options?: GenerateOptions,
  ): Promise<RequestId<string>>;
  /** Asks for one of at least two texts. */
  generateChoice<const Choice extends string>(
    input: { readonly prompt: string; readonly choices: readonly Choice[] },
    options?: GenerateOptions,
  ): Promise<RequestId<Choice>>;
  /** Queues a `generate` for each prompt, in one statement; ids in the order of the prompts. */
  generateBatch(prompts: readonly string[], options?: GenerateOptions): Promise<RequestId<string>[]>;
  /** Asks for the vector of a text, of length 1. */
  embed(text: string, options?: EnqueueOptions): Promise<RequestId<Float32Array>>;
  /** Queues an `embed` for each text, in one statement; ids in the order of the texts. */
  embedBatch(texts: readonly string[], options?: EnqueueOptions): Promise<RequestId<Float32Array>[]>;
  /** Asks how well documents answer a query; `task` is an instruction for models that accept one. */
  rerank(
    input: { readonly query: string; readonly documents: readonly string[]; readonly task?: string | undefined },
    options?: RerankOptions,
  ): Promise<RequestId<readonly RankedDocument[]>>;
}

const ENQUEUE_OPTIONS = ['db', 'useCache', 'priority', 'model'] as const;
const RERANK_OPTIONS = [...ENQUEUE_OPTIONS, 'seed'] as const;
const GENERATE_OPTIONS = [...RERANK_OPTIONS, 'maxTokens'] as const;
/** The one default that the server does not put in place of a null. */
const DEFAULT_MAX_TOKENS = 512;

const SQL = {
  generate: loadQuery('enqueue_generate'),
  generateJson: loadQuery('enqueue_generate_json'),
  generateRegex: loadQuery('enqueue_generate_regex'),
  generateChoice: loadQuery('enqueue_generate_choice'),
  generateBatch: loadQuery('enqueue_generate_batch'),
  embed: loadQuery('enqueue_embed'),
  embedBatch: loadQuery('enqueue_embed_batch'),
  rerank: loadQuery('enqueue_rerank'),
};

const DESTINATIONS = {
  generate: { destination: 'generate', isBatch: false },
  generateJson: { destination: 'generate_json', isBatch: false },
  generateRegex: { destination: 'generate_regex', isBatch: false },
  generateChoice: { destination: 'generate_choice', isBatch: false },
  generateBatch: { destination: 'generate', isBatch: true },
  embed: { destination: 'embed', isBatch: false },
  embedBatch: { destination: 'embed', isBatch: true },
  rerank: { destination: 'rerank', isBatch: false },
} as const;

/** An {@link Enqueuer} that uses `db` unless a call names another connection. */
export function createEnqueuer(db: Queryable): Enqueuer {
  async function enqueueAll<Result>(
    name: keyof typeof SQL,
    known: readonly string[],
    options: GenerateOptions,
    toValues: (options: GenerateOptions) => readonly unknown[],
  ): Promise<RequestId<Result>[]> {
    requireKnownOptions(options, known);
    const target = options.db === undefined ? db : createCallerDb(options.db);
    return tracedEnqueue(target, { ...DESTINATIONS[name], text: SQL[name], values: toValues(options) });
  }

  async function enqueueOne<Result>(...request: Parameters<typeof enqueueAll>): Promise<RequestId<Result>> {
    const [requestId] = await enqueueAll<Result>(...request);
    if (requestId === undefined) throw new Error('the enqueue function returned no row');
    return requestId;
  }

  const enqueueGenerate = <Result>(name: keyof typeof SQL, given: () => readonly unknown[], options: GenerateOptions) =>
    enqueueOne<Result>(name, GENERATE_OPTIONS, options, (checked) => [...given(), ...generateTail(checked)]);

  return {
    generate: (prompt, options = {}) => enqueueGenerate('generate', () => [toTextValue('prompt', prompt)], options),
    generateJson(input, options = {}) {
      const values = () => {
        const { prompt, schema } = toInput(input, 'prompt and schema');
        return [toTextValue('prompt', prompt), toSchemaValue(schema)];
      };
      return enqueueGenerate('generateJson', values, options);
    },
    generateRegex(input, options = {}) {
      const values = () => {
        const { prompt, pattern } = toInput(input, 'prompt and pattern');
        return [toTextValue('prompt', prompt), toTextValue('pattern', pattern)];
      };
      return enqueueGenerate('generateRegex', values, options);
    },
    generateChoice(input, options = {}) {
      const values = () => {
        const { prompt, choices } = toInput(input, 'prompt and choices');
        return [toTextValue('prompt', prompt), toTextValues('choices', choices)];
      };
      return enqueueGenerate('generateChoice', values, options);
    },
    generateBatch: (prompts, options = {}) =>
      enqueueAll('generateBatch', GENERATE_OPTIONS, options, (checked) => [
        toTextValues('prompts', prompts),
        ...generateTail(checked),
      ]),
    embed: (text, options = {}) =>
      enqueueOne('embed', ENQUEUE_OPTIONS, options, (checked) => [toTextValue('text', text), ...embedTail(checked)]),
    embedBatch: (texts, options = {}) =>
      enqueueAll('embedBatch', ENQUEUE_OPTIONS, options, (checked) => [
        toTextValues('texts', texts),
        ...embedTail(checked),
      ]),
    rerank: (input, options = {}) =>
      enqueueOne('rerank', RERANK_OPTIONS, options, (checked) => {
        const { query, documents, task } = toInput(input, 'query and documents');
        const given = [toTextValue('query', query), toTextValues('documents', documents), toTextValue('task', task)];
        return [...given, ...seededTail(checked)];
      }),
  };
}

function generateTail({ maxTokens, ...options }: GenerateOptions): unknown[] {
  return [toScalarValue('maxTokens', 'number', maxTokens) ?? DEFAULT_MAX_TOKENS, ...seededTail(options)];
}

function seededTail({ useCache, seed, priority, model }: RerankOptions): unknown[] {
  const [isCached, ...rest] = embedTail({ useCache, priority, model });
  return [isCached, toScalarValue('seed', 'number', seed), ...rest];
}

/** Null lets the server take its default. */
function embedTail({ useCache, priority, model }: EnqueueOptions): unknown[] {
  return [
    toScalarValue('useCache', 'boolean', useCache),
    toScalarValue('priority', 'number', priority),
    toTextValue('model', model),
  ];
}
