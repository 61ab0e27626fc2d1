import type { RequestFunction } from '../../core/request-functions.ts';

/** How the hidden states of a text's tokens become its vector; `none` where the model's output is one vector per text. */
export type Pooling = 'mean' | 'cls' | 'last' | 'none';

/** Where the files of a model are published. */
export interface ModelSource {
  /** The repository on the hub, such as `Xenova/all-MiniLM-L12-v2`. */
  readonly repo: string;
  /** A branch, tag or commit of it. */
  readonly revision: string;
  /** Paths inside the repository, the weights first; the local folder has the same layout. */
  readonly files: readonly string[];
}

/** What is known of a local model beside its files: what its card says and its files do not. */
export interface ModelSpec {
  /** The name that users say. */
  readonly name: string;
  /**
   * `ort`: a folder with `config.json`, `tokenizer.json` (of images `preprocessor_config.json`) and an ONNX file. `llama`: one GGUF file.
   */
  readonly runtime: 'ort' | 'llama';
  readonly type: 'textual' | 'visual';
  readonly functions: readonly RequestFunction[];
  readonly source: ModelSource;
  /** SPDX identifier. */
  readonly licence: string;
  /** Size of all files, give or take a few per cent: for lists, never for checks. */
  readonly approximateBytes?: number;
  /** Most tokens of one text, special tokens included; 1 where it takes images. */
  readonly maxTokens: number;
  /** Embedding models only. */
  readonly embedding?: {
    readonly dimensions: number;
    readonly pooling: Pooling;
    /** Whether the card has its vectors brought to length 1; results are L2-normalised in any case. */
    readonly isNormalised: boolean;
    /** Put before texts by what they are; a text of no stated kind is a document. */
    readonly prefix?: { readonly query?: string; readonly document?: string };
  };
}

/** A model whose files are on this machine. */
export interface LocalModel {
  readonly name: string;
  readonly runtime: 'ort' | 'llama';
  /** The folder of an `ort` model, or the GGUF file of a `llama` model. */
  readonly path: string;
  /** The weights: the ONNX or GGUF file. */
  readonly weightsPath: string;
  /** Undefined for a folder or file given by path: then its own files say what can be said. */
  readonly spec: ModelSpec | undefined;
}

/** What is known of a name without loading it. */
export type ModelFinding =
  | { readonly state: 'local'; readonly model: LocalModel }
  /** Known, but not on this machine, or a path that holds no model. `reason` ends a sentence, `hint` is one of its own. */
  | {
      readonly state: 'missing';
      readonly spec: ModelSpec | undefined;
      readonly reason: string;
      readonly hint?: string;
    };

/** Finds the files of local models: those of the catalogue in the cache folder, and those given by path at the start. */
export interface ModelFiles {
  /** Everything that one runtime could serve, given paths first, then the catalogue. Reads folders, loads nothing. */
  list(runtime: LocalModel['runtime']): Promise<readonly (ModelFinding & { readonly name: string })[]>;
  /** Undefined for a name that is neither in the catalogue nor a path given at the start. */
  find(name: string, runtime: LocalModel['runtime']): Promise<ModelFinding | undefined>;
  /**
   * SHA-256 in hex of the model's weights, external data of an ONNX graph included; read once for each size and times of
   * change.
   *
   * @throws LamplighterError MODEL_CHANGED when a file of a downloaded model, the tokenizer's too, is not what the lock file pins.
   */
  hashWeights(model: LocalModel, signal: AbortSignal): Promise<string>;
}
