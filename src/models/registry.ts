import { systemClock } from '../core/clock.ts';
import { isLamplighterError, LamplighterError, messageOf } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { describeUnserved, listUnserved, RUNTIMES } from './catalogue/documented-models.ts';
import type { Model } from './port.ts';
import type { KnownModelDescription, ModelDescription, ModelProvider, ModelSelection } from './provider.ts';
import { type SharedLoad, shareLoad } from './shared-load.ts';

/** Longest wait for models to close; what holds out longer is left to the end of the process. */
const CLOSE_TIMEOUT_MS = 10_000;

export interface ModelRegistryOptions {
  /** Asked in this order; of two that can load a name, the first does. */
  readonly providers: readonly ModelProvider[];
}

/** Finds models by name and holds those that are loaded. */
export interface ModelRegistry {
  /** The runtimes that may be named, served by a provider or not. */
  readonly runtimes: readonly string[];
  /** Every model that can be listed, in the order of the providers, then the documented names that none of them serves. */
  list(): Promise<readonly KnownModelDescription[]>;
  /** Whether a model can be loaded and what it serves, without loading it; never rejects. */
  describe(selection: string | ModelSelection): Promise<ModelDescription>;
  /**
   * The model, loaded once and shared by all callers until {@link ModelRegistry.close}. Callers that come while it
   * loads wait for the same load. A failure is passed to those who wait and then forgotten: there is never another
   * model in its place.
   *
   * @throws LamplighterError MODEL_NOT_FOUND for an unknown name, MODEL_FAILED when it cannot be loaded.
   * @throws The signal's reason when it aborts; the load itself is aborted when nobody else waits for it.
   */
  load(selection: string | ModelSelection, signal: AbortSignal): Promise<Model>;
  /** Aborts loads in progress and closes every loaded model; idempotent, bounded, never rejects. */
  close(): Promise<void>;
}

/** A registry over the given providers; it loads nothing until asked to. */
export function createModelRegistry({ providers }: ModelRegistryOptions): ModelRegistry {
  const runtimes = [...new Set([...RUNTIMES, ...providers.map(({ runtime }) => runtime)])];
  const loads = new Map<string, SharedLoad<Model>>();
  let closing: Promise<void> | undefined;

  async function list(): Promise<readonly KnownModelDescription[]> {
    const listed = (await Promise.all(providers.map((provider) => provider.list()))).flat();
    const names = new Set(listed.map(({ name }) => name));
    return [...listed, ...listUnserved().filter(({ name }) => !names.has(name))];
  }

  async function find(selection: ModelSelection): Promise<{ description: ModelDescription; provider?: ModelProvider }> {
    const { name, runtime } = selection;
    if (runtime !== undefined && !runtimes.includes(runtime)) {
      return { description: { state: 'unknown', name, reason: unknownRuntime(runtime, runtimes) } };
    }
    let refusal: KnownModelDescription | undefined;
    for (const provider of providers) {
      if (runtime !== undefined && provider.runtime !== runtime) continue;
      const description = await provider.describe(selection);
      if (description?.state === 'loadable') return { description, provider };
      refusal ??= description;
    }
    refusal ??= describeUnserved(selection);
    if (refusal !== undefined) return { description: refusal };
    return { description: { state: 'unknown', name, reason: unknownModel(selection, await list()) } };
  }

  async function load(selection: ModelSelection, signal: AbortSignal): Promise<Model> {
    try {
      const { description, provider } = await find(selection);
      if (provider === undefined) throw refusalOf(description);
      return await provider.load(selection, signal);
    } catch (cause) {
      signal.throwIfAborted();
      if (isLamplighterError(cause)) throw cause;
      throw new LamplighterError('MODEL_FAILED', `Model "${selection.name}" could not be loaded: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  function joinedLoad(selection: ModelSelection): SharedLoad<Model> {
    const key = JSON.stringify([selection.name, selection.runtime, selection.dimensions, selection.inputType]);
    const current = loads.get(key);
    if (current !== undefined && !current.isAborted) return current;
    const fresh = shareLoad((signal) => load(selection, signal));
    loads.set(key, fresh);
    const settle = async () => {
      const model = await fresh.ended;
      if (model !== undefined && !fresh.isAborted) return;
      if (loads.get(key) === fresh) loads.delete(key);
      await model?.close().catch(() => undefined);
    };
    void settle();
    return fresh;
  }

  async function closeAll(): Promise<void> {
    const closed = [...loads.values()].map(async (current) => {
      current.abort(new LamplighterError('ABORTED', 'The models were closed'));
      await (await current.ended)?.close().catch(() => undefined);
    });
    const deadline = new AbortController();
    await Promise.race([Promise.all(closed), systemClock.delay(CLOSE_TIMEOUT_MS, deadline.signal)]);
    deadline.abort();
    loads.clear();
  }

  return {
    runtimes,
    list,
    async describe(wanted) {
      const selection = selectionOf(wanted);
      try {
        return (await find(selection)).description;
      } catch (error) {
        return { state: 'unknown', name: selection.name, reason: messageOf(error) };
      }
    },
    async load(wanted, signal) {
      if (closing !== undefined) throw new LamplighterError('ABORTED', 'The models were closed');
      return joinedLoad(selectionOf(wanted)).join(signal);
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

function selectionOf(wanted: string | ModelSelection): ModelSelection {
  return typeof wanted === 'string' ? { name: wanted } : wanted;
}

function refusalOf(description: ModelDescription): LamplighterError {
  if (description.state === 'not_loadable') {
    const message = `Model "${description.name}" cannot be loaded: ${description.reason}`;
    return new LamplighterError('MODEL_FAILED', message, { hint: description.hint });
  }
  const reason = description.state === 'unknown' ? description.reason : 'no provider serves it';
  return new LamplighterError('MODEL_NOT_FOUND', reason);
}

function unknownModel({ name, runtime }: ModelSelection, listed: readonly KnownModelDescription[]): string {
  const names = listed
    .filter(({ card }) => runtime === undefined || card.runtime === runtime)
    .map(({ card }) => card.name);
  const scope = runtime === undefined ? 'Known models' : `Known models of runtime "${runtime}"`;
  return `Model "${name}" not found${didYouMean(name, names)}. ${scope}: ${names.join(', ') || 'none'}`;
}

function unknownRuntime(runtime: string, runtimes: readonly string[]): string {
  return `Runtime "${runtime}" not found${didYouMean(runtime, runtimes)}. Known runtimes: ${runtimes.join(', ')}`;
}
