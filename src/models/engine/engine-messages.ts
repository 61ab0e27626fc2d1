import type { ItemOutcome } from '../outcome.ts';
import type { GenerateItem, RerankItem } from '../port.ts';

/** What an engine is asked for in one call; all items are of one kind. */
export type EngineWork =
  | { readonly method: 'embed'; readonly items: readonly string[] }
  | { readonly method: 'embed_images'; readonly items: readonly Uint8Array[] }
  | { readonly method: 'tokenize'; readonly items: readonly string[] }
  | { readonly method: 'rerank'; readonly items: readonly RerankItem[] }
  | { readonly method: 'generate'; readonly items: readonly GenerateItem[] };

/** The answer to one item: a vector, ends of tokens, scores, or a text, as the method says. */
export type EngineValue = Float32Array | Uint32Array | readonly number[] | string;

/** The outcome of the item at a position of the call. */
export type EngineEnd = readonly [position: number, outcome: ItemOutcome<EngineValue>];

/** A message to the process: `open` once, then one call at a time, each of which may be cancelled. */
export type EngineRequest =
  | { readonly kind: 'open'; readonly setup: unknown }
  | { readonly kind: 'call'; readonly work: EngineWork }
  | { readonly kind: 'cancel' };

/** A message from the process: `ready` or `unusable` once; then for each call any number of `progress` and one `over`. */
export type EngineReport =
  | { readonly kind: 'ready'; readonly facts: unknown }
  | { readonly kind: 'unusable'; readonly message: string; readonly hint: string | undefined }
  | {
      readonly kind: 'progress';
      readonly ends: readonly EngineEnd[];
      /** The items that are worked on from now on, and no others. */
      readonly working: readonly number[];
    }
  | {
      readonly kind: 'over';
      readonly ends: readonly EngineEnd[];
      /** Why the items without an end have none. */
      readonly failure: string | undefined;
    };

/** The pipe that the parent holds open for as long as it lives, as a file descriptor of the child. */
export const LIFELINE_FD = 4;
