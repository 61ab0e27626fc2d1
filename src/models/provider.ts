import type { RequestFunction } from '../core/request-functions.ts';
import type { Model } from './port.ts';

/** Which model is meant, and how it is to be run. */
export interface ModelSelection {
  readonly name: string;
  /** Only this runtime may serve it; absent means whichever can. */
  readonly runtime?: string;
  /** Length of the embeddings, for models that can shorten theirs. */
  readonly dimensions?: number;
  /** What the texts are, for models that tell queries from documents; the words are the provider's. */
  readonly inputType?: string;
}

/** What is known of a model without loading it. */
export interface ModelCard {
  readonly name: string;
  readonly runtime: string;
  readonly type: 'textual' | 'visual';
  readonly functions: readonly RequestFunction[];
  /** Length of its embeddings, where it is known beforehand. */
  readonly dimensions?: number;
  /** True when nothing has to be fetched before it loads. */
  readonly isDownloaded: boolean;
}

/** Whether a model can be loaded, and if not, why not. */
export type ModelDescription =
  | { readonly state: 'loadable'; readonly name: string; readonly card: ModelCard }
  | {
      readonly state: 'not_loadable';
      readonly name: string;
      readonly card: ModelCard;
      /** Why, as the end of a sentence, such as `its files are not downloaded`. */
      readonly reason: string;
      /** What to do about it, as a sentence of its own. */
      readonly hint?: string;
    }
  | { readonly state: 'unknown'; readonly name: string; readonly reason: string };

/** What a provider says of a name it knows. */
export type KnownModelDescription = Exclude<ModelDescription, { state: 'unknown' }>;

/** One runtime's models: the extension point for engines. */
export interface ModelProvider {
  /** The name in `show-runtimes` and in job rows. */
  readonly runtime: string;
  /** The models to show in lists; a provider may serve more names than it lists. */
  list(): Promise<readonly KnownModelDescription[]>;
  /** What this provider knows of a name, without loading or calling out; undefined when the name is not its own. */
  describe(selection: ModelSelection): Promise<KnownModelDescription | undefined>;
  /**
   * A model ready to answer. Called only for names described as `loadable`, once for all callers; `signal` aborts when
   * nobody waits for it any more. Rejecting is final for those who wait; the next caller causes a new attempt.
   */
  load(selection: ModelSelection, signal: AbortSignal): Promise<Model>;
}
