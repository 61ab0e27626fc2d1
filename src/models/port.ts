import type { RequestFunction } from '../core/request-functions.ts';
import type { CallProgress } from './call-progress.ts';
import type { JsonSchema } from './json-value.ts';
import type { ItemOutcome } from './outcome.ts';

/** The functions whose answer is a text. */
export type GenerateFunction = Exclude<RequestFunction, 'embed' | 'rerank'>;

/** The required form of the text; the model guarantees it or fails the item. */
export type GenerateOutput =
  | { readonly kind: 'plain' }
  /** Bare JSON, valid under the schema. */
  | { readonly kind: 'json'; readonly schema: JsonSchema }
  /** A text that the pattern matches from its first to its last character. */
  | { readonly kind: 'regex'; readonly pattern: string }
  /** One of the choices, byte for byte. */
  | { readonly kind: 'choice'; readonly choices: readonly string[] };

export interface GenerateItem {
  readonly prompt: string;
  /** 1 to 4096. A plain text is cut there; any other output that is cut there is a failure. */
  readonly maxTokens: number;
  readonly seed: number;
  readonly output: GenerateOutput;
}

export interface RerankItem {
  readonly query: string;
  /** The documents, at least one. */
  readonly documents: readonly string[];
  /** An instruction, for models that accept one. */
  readonly task: string;
  readonly seed: number;
}

/** One request as a model takes it. All items of a call are of one function. */
export type ModelRequest =
  | {
      readonly function: 'embed';
      readonly item: string;
      /** True for a search query. */
      readonly isQuery?: boolean;
    }
  | { readonly function: 'rerank'; readonly item: RerankItem }
  | { readonly function: GenerateFunction; readonly item: GenerateItem };

/** Where the tokens of a text end, as UTF-16 offsets in rising order; equal ends where several tokens make one character. */
export type TokenSpans = Uint32Array;

/**
 * A loaded model: everything the rest of the program knows about an engine.
 *
 * Every method gives each item of a call its own outcome, in the order of the items, so that one bad item fails alone. It rejects only when
 * the whole call failed; the caller then repeats each item alone. When `signal` aborts it stops work soon and settles in any way; its
 * answers are then ignored. A model that knows its progress reports it to `progress`, which is optional. Made by `defineModel`.
 */
export interface Model {
  readonly name: string;
  /** Which kind of engine runs it: `builtin`, `ort`, `llama`, `openai`, `cohere`, or a name of your own. */
  readonly runtime: string;
  /**
   * Changes whenever equal requests may get other answers: hashes of the model's files, the engine's version, options.
   * Part of every cache key; two models with one fingerprint may serve each other's cached answers.
   */
  readonly fingerprint: string;
  /** The functions that it answers; all others give `invalid`. */
  readonly functions: readonly RequestFunction[];
  /** Why it lacks functions that a user might expect, as sentences. */
  readonly refusals?: Readonly<Partial<Record<RequestFunction, string>>>;
  /** Most items of one call, per function; 1 means one at a time. */
  readonly maxBatch: Readonly<Record<RequestFunction, number>>;
  /** Most calls at once; more would only wait inside the engine. `Infinity` for no limit. */
  readonly maxConcurrency: number;
  /** False if equal requests may get different answers, as from a server that can change its model without notice. */
  readonly isCacheable: boolean;
  /** Length of its embeddings, of texts or images; undefined while unknown, and for models that give none. */
  readonly dimensions: number | undefined;
  /**
   * Most tokens of a text that `embed` reads, special tokens and prefix included; absent if the runtime does not report it, or reads all.
   */
  readonly window?: number;
  /** One L2-normalised vector per text. */
  embed(
    texts: readonly string[],
    signal: AbortSignal,
    progress?: CallProgress<Float32Array>,
  ): Promise<readonly ItemOutcome<Float32Array>[]>;
  /**
   * One L2-normalised vector per image, given as the bytes of a file; present where the model takes images, and then `embed` answers
   * `invalid`. Texts share their space where another model embeds them into it. Most items of a call are those of `maxBatch.embed`.
   */
  embedImages?(
    images: readonly Uint8Array[],
    signal: AbortSignal,
    progress?: CallProgress<Float32Array>,
  ): Promise<readonly ItemOutcome<Float32Array>[]>;
  /** Embeds search queries as `embed` does texts; absent if the model treats both alike. */
  embedQueries?: Model['embed'];
  /**
   * How the model divides texts before it embeds them, without special tokens and prefix; absent if the runtime cannot report it. For long
   * texts too: it holds up calls of the other methods for a moment at most.
   */
  tokenize?(
    texts: readonly string[],
    signal: AbortSignal,
    progress?: CallProgress<TokenSpans>,
  ): Promise<readonly ItemOutcome<TokenSpans>[]>;
  /**
   * Takes the next vector for the measure of all others; present where nothing but the first one has told how long they are.
   */
  forgetLength?(): void;
  /** Per item one score from 0 to 1 for each document, in document order. */
  rerank(
    items: readonly RerankItem[],
    signal: AbortSignal,
    progress?: CallProgress<readonly number[]>,
  ): Promise<readonly ItemOutcome<readonly number[]>[]>;
  generate(
    items: readonly GenerateItem[],
    signal: AbortSignal,
    progress?: CallProgress<string>,
  ): Promise<readonly ItemOutcome<string>[]>;
  /** Frees what the model holds; idempotent, and waits for calls in progress. */
  close(): Promise<void>;
}
