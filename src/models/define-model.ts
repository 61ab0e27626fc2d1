import { REQUEST_FUNCTIONS, type RequestFunction } from '../core/request-functions.ts';
import type { CallProgress } from './call-progress.ts';
import { type ItemOutcome, invalid } from './outcome.ts';
import type { GenerateFunction, GenerateItem, GenerateOutput, Model, RerankItem } from './port.ts';

/** One method of a model. */
export interface ModelMethod<Item, Value> {
  /**
   * Most items `run` is given at once.
   * @default 1
   */
  readonly maxBatch?: number;
  /** Answers each item, in order. Rejecting means that the whole call came to nothing. */
  run(
    items: readonly Item[],
    signal: AbortSignal,
    progress?: CallProgress<Value>,
  ): Promise<readonly ItemOutcome<Value>[]>;
}

/** What a runtime says about a model; the methods it leaves out are functions the model does not serve. */
export interface ModelDefinition {
  readonly name: string;
  readonly runtime: string;
  /** See {@link Model.fingerprint}. */
  readonly fingerprint: string;
  /** @default true */
  readonly isCacheable?: boolean;
  /**
   * Most calls at once.
   * @default 1
   */
  readonly maxConcurrency?: number;
  /** Why functions that might be expected of it are not served, as sentences. */
  readonly refusals?: Readonly<Partial<Record<RequestFunction, string>>>;
  readonly embed?: ModelMethod<string, Float32Array> & {
    readonly dimensions?: number;
    /** See {@link Model.window}. */
    readonly window?: number;
    /** See {@link Model.tokenize}. */
    readonly tokenize?: NonNullable<Model['tokenize']>;
    /** See {@link Model.forgetLength}. */
    readonly forgetLength?: NonNullable<Model['forgetLength']>;
    /** See {@link Model.embedQueries}. */
    readonly runQueries?: ModelMethod<string, Float32Array>['run'];
  };
  /** The method of a model of images, in place of `embed`. */
  readonly embedImages?: ModelMethod<Uint8Array, Float32Array> & { readonly dimensions?: number };
  readonly rerank?: ModelMethod<RerankItem, readonly number[]>;
  readonly generate?: ModelMethod<GenerateItem, string> & {
    /**
     * The kinds of text it can give.
     * @default ['generate']
     */
    readonly functions?: readonly GenerateFunction[];
  };
  close?(): Promise<void>;
}

const FUNCTION_OF_OUTPUT: Readonly<Record<GenerateOutput['kind'], GenerateFunction>> = {
  plain: 'generate',
  json: 'generate_json',
  regex: 'generate_regex',
  choice: 'generate_choice',
};

/**
 * A frozen {@link Model} that answers `invalid` to what the definition does not serve.
 *
 * @throws RangeError for a batch or concurrency below 1.
 */
export function defineModel(definition: ModelDefinition): Model {
  const {
    name,
    runtime,
    fingerprint,
    embed,
    embedImages,
    rerank,
    generate,
    isCacheable = true,
    maxConcurrency = 1,
    refusals = {},
  } = definition;
  const generateFunctions = generate?.functions ?? ['generate'];
  const methodOf = (fn: RequestFunction): ModelMethod<never, unknown> | undefined => {
    if (fn === 'embed') return embed;
    if (fn === 'rerank') return rerank;
    return generateFunctions.includes(fn) ? generate : undefined;
  };
  const batchOf = (fn: RequestFunction) => atLeastOne(`${name}: maxBatch of ${fn}`, methodOf(fn)?.maxBatch ?? 1);
  const refuse = (fn: RequestFunction) => invalid(refusals[fn] ?? `Model "${name}" does not serve ${fn}`);
  let closing: Promise<void> | undefined;
  return Object.freeze({
    name,
    runtime,
    fingerprint,
    functions: Object.freeze(REQUEST_FUNCTIONS.filter((fn) => methodOf(fn) !== undefined)),
    maxBatch: Object.freeze({
      generate: batchOf('generate'),
      embed: atLeastOne(`${name}: maxBatch of embed`, (embed ?? embedImages)?.maxBatch ?? 1),
      generate_json: batchOf('generate_json'),
      generate_regex: batchOf('generate_regex'),
      generate_choice: batchOf('generate_choice'),
      rerank: batchOf('rerank'),
    }),
    maxConcurrency: atLeastOne(`${name}: maxConcurrency`, maxConcurrency),
    isCacheable,
    refusals,
    dimensions: (embed ?? embedImages)?.dimensions,
    ...(embed?.window === undefined ? {} : { window: embed.window }),
    ...(embed?.runQueries === undefined ? {} : { embedQueries: embed.runQueries }),
    embed: async (texts, signal, progress) =>
      embed === undefined ? texts.map(() => refuse('embed')) : embed.run(texts, signal, progress),
    ...(embedImages === undefined ? {} : { embedImages: embedImages.run }),
    ...(embed?.tokenize === undefined ? {} : { tokenize: embed.tokenize }),
    ...(embed?.forgetLength === undefined ? {} : { forgetLength: embed.forgetLength }),
    rerank: async (items, signal, progress) =>
      rerank === undefined ? items.map(() => refuse('rerank')) : rerank.run(items, signal, progress),
    async generate(items, signal, progress) {
      const refused = items
        .map((item) => FUNCTION_OF_OUTPUT[item.output.kind])
        .find((fn) => methodOf(fn) === undefined);
      if (generate === undefined || refused !== undefined) return items.map(() => refuse(refused ?? 'generate'));
      return generate.run(items, signal, progress);
    },
    close() {
      closing ??= definition.close?.() ?? Promise.resolve();
      return closing;
    },
  } satisfies Model);
}

function atLeastOne(what: string, value: number): number {
  if (!(value >= 1)) throw new RangeError(`${what} must be at least 1, got ${value}`);
  return value;
}
