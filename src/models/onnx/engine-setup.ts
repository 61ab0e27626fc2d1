import type { Pooling } from '../files/model-files.ts';

/** What the model is asked to give. */
export type EngineTask =
  | {
      readonly kind: 'embed';
      /**
       * `none` where the graph itself gives one vector per text. Undefined where nothing says: that vector if there is one, otherwise the
       * mean, as sentence-transformers does.
       */
      readonly pooling: Pooling | undefined;
      /** Put before every text. */
      readonly prefix: string;
    }
  | { readonly kind: 'rerank' };

/** Everything the engine needs to open a model of texts; plain data. */
export interface EngineSetup {
  readonly kind: 'texts';
  readonly weightsPath: string;
  readonly tokenizerPath: string;
  /** Undefined where the folder has none. */
  readonly tokenizerConfigPath: string | undefined;
  readonly task: EngineTask;
  /** Most tokens of one text or pair, special tokens included. */
  readonly maxTokens: number;
  /** Fills up shorter texts of a batch. */
  readonly padTokenId: number;
  /** Threads that one run of the graph uses. */
  readonly threads: number;
}

/** What is known of a model once it has answered for the first time. */
export interface EngineFacts {
  /** Length of its embeddings; undefined for rerankers. */
  readonly dimensions: number | undefined;
  /** True when a text gets the same bits alone as beside others; otherwise the engine runs texts one by one. */
  readonly isBatchable: boolean;
  /** Tokens per second, from a short run: good for orders of magnitude. */
  readonly tokensPerSecond: number;
}
