import type { Clock } from '../core/clock.ts';
import { LamplighterError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import type { ModelError } from '../models/outcome.ts';
import type { Model } from '../models/port.ts';
import type { ModelSelection } from '../models/provider.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { ImageFetcher } from './images/fetch-image.ts';
import { takesImages, type VisualModel } from './images/visual-model.ts';
import { createLoneTurn, type LoneTurn } from './lone-turn.ts';
import { createModelTurns, type ModelTurns } from './model-turns.ts';

/** A model that is loaded, and the turns that all jobs take at it. */
export interface ServedModel {
  readonly model: Model;
  readonly turns: ModelTurns;
  /** Length of its vectors. */
  readonly dimensions: number;
  /** Shared by all models of the daemon. */
  readonly loneTurn: LoneTurn;
  /** The model takes images; in `model`, `embed` takes them as texts. */
  readonly isVisual: boolean;
}

/** The models of all jobs of a daemon, each loaded once. */
export interface ServedModels {
  /**
   * @throws LamplighterError MODEL_NOT_FOUND and MODEL_FAILED, also for a model that gives no embeddings or does not say how long they are;
   * ModelAway.
   */
  get(selection: ModelSelection, options: GetModelOptions): Promise<ServedModel>;
}

export interface GetModelOptions {
  readonly signal: AbortSignal;
  /** A server that had to be asked how long its vectors are may give longer or shorter ones by now. @default false */
  readonly isLengthInDoubt?: boolean;
}

/** A server does not tell now how long its vectors are. */
export class ModelAway extends LamplighterError {
  /** When to ask it again, if it has said so. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { retryAfterMs, cause }: ModelError) {
    super('MODEL_FAILED', message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** Asked of servers that do not say beforehand how long their vectors are. */
export const PROBE = 'How long are the vectors?';

export interface ServedModelsDeps {
  readonly registry: ModelRegistry;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
  /** Fetches images that are given as URLs; undefined: they are not fetched. */
  readonly imageFetcher: ImageFetcher | undefined;
}

export function createServedModels({ registry, log, troubles, clock, imageFetcher }: ServedModelsDeps): ServedModels {
  const served = new Map<Model, ServedModel>();
  const loneTurn = createLoneTurn(clock);
  return {
    async get(selection, { signal, isLengthInDoubt = false }) {
      const loaded = await registry.load(selection, signal);
      const known = served.get(loaded);
      if (known !== undefined && isLengthInDoubt && known.model.forgetLength !== undefined) {
        known.model.forgetLength();
        const dimensions = await probe(known.model, signal);
        const entry = dimensions === known.dimensions ? known : { ...known, dimensions };
        served.set(loaded, entry);
        return entry;
      }
      if (known !== undefined) return known;
      const isVisual = takesImages(loaded);
      const model = isVisual ? await takeTexts(loaded, imageFetcher) : loaded;
      if (!model.functions.includes('embed')) {
        const reason = model.refusals?.embed ?? `Model "${selection.name}" gives no embeddings`;
        throw new LamplighterError('MODEL_FAILED', reason);
      }
      const dimensions = model.dimensions ?? (await probe(model, signal));
      const meanwhile = served.get(loaded);
      if (meanwhile !== undefined) return meanwhile;
      const trouble = troubles.define(`use the model ${model.name}`, {
        begins: `the model "${model.name}" is unavailable`,
        lasts: `the model "${model.name}" is still unavailable`,
        ends: `the model "${model.name}" is available again`,
        advice: 'its rows are not charged, and are tried again',
        isKept: true,
      });
      const turns = createModelTurns(model, trouble, clock, (ms, texts) =>
        log.warn(
          { model: model.name, keptMs: Math.round(ms), texts },
          `the model "${model.name}" computes in this process, and nothing else went on for ${(ms / 1_000).toFixed(1)} s: it gets fewer texts at once from here on; let it compute in a worker thread or a process of its own`,
        ),
      );
      const entry = { model, turns, loneTurn, dimensions, isVisual };
      served.set(loaded, entry);
      return entry;
    },
  };
}

/** Loads what only models of images need. */
async function takeTexts(model: VisualModel, imageFetcher: ImageFetcher | undefined): Promise<Model> {
  const { takeImagesAsTexts } = await import('./images/embed-images.ts');
  return takeImagesAsTexts(model, imageFetcher);
}

async function probe(model: Model, signal: AbortSignal): Promise<number> {
  const [outcome] = await model.embed([PROBE], signal);
  if (outcome?.ok === true && outcome.value.length > 0) return outcome.value.length;
  const error = outcome?.ok === false ? outcome.error : undefined;
  const message = `Model "${model.name}" does not tell the length of its vectors${error === undefined ? '' : `: ${error.message}`}`;
  if (error?.kind === 'unavailable') throw new ModelAway(message, error);
  throw new LamplighterError('MODEL_FAILED', message, { hint: 'Give it as {"dimensions": n} in runtime_params.' });
}
