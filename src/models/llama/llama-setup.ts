import type { GgufFacts } from './gguf/gguf-facts.ts';
import type { LlamaSettings } from './llama-settings.ts';

/** Everything the engine needs to open a model; plain data. */
export interface LlamaModelSetup {
  readonly weightsPath: string;
  /** What its card says is the most; undefined where none does. */
  readonly maxTokens: number | undefined;
  readonly facts: GgufFacts;
  /** Put before texts that are embedded. */
  readonly prefix: string;
  readonly settings: LlamaSettings;
}

/** What is known of a model once it is open. */
export interface LlamaModelFacts {
  /** See `LlamaEngine`. */
  readonly version: string;
  /** Most tokens of a prompt and its answer. */
  readonly contextTokens: number;
  /** Length of its embeddings; undefined for others than embedders. */
  readonly dimensions: number | undefined;
}
