import { REQUEST_FUNCTIONS, type RequestFunction } from '../core/request-functions.ts';
import type { ModelDescription } from './provider.ts';
import type { ModelRegistry } from './registry.ts';

/** The models a worker was told to use; a subset of its configuration. */
export interface DefaultModelSettings {
  readonly embedModel?: string | undefined;
  readonly generateModel?: string | undefined;
  readonly rerankModel?: string | undefined;
}

/** The model for requests that name none, per function; undefined where there is none. */
export type DefaultModels = Readonly<Record<RequestFunction, string | undefined>>;

/** How a worker stands to one function. */
export interface FunctionSupport {
  readonly function: RequestFunction;
  /** The default model, served or not; undefined when none is configured. */
  readonly model: string | undefined;
  readonly isServed: boolean;
  /** The state of the model: `unknown` for a name that no runtime has; undefined when none is configured. */
  readonly state: ModelDescription['state'] | undefined;
  /** Why it is not served, for people; undefined when it is. */
  readonly reason: string | undefined;
  /** What to do about it, as a sentence of its own, where that is known. */
  readonly hint?: string | undefined;
}

/** The configured models, with `builtin/lexical` for `embed` and `rerank`, and none for `generate*`. */
export function resolveDefaultModels(settings: DefaultModelSettings = {}): DefaultModels {
  const { embedModel = 'builtin/lexical', rerankModel = 'builtin/lexical', generateModel } = settings;
  return Object.freeze({
    generate: generateModel,
    embed: embedModel,
    generate_json: generateModel,
    generate_regex: generateModel,
    generate_choice: generateModel,
    rerank: rerankModel,
  });
}

/** Whether the default model of each of `functions` can be loaded and serves it, and why not; loads nothing. */
export function describeSupport(
  registry: ModelRegistry,
  models: DefaultModels,
  functions: readonly RequestFunction[] = REQUEST_FUNCTIONS,
): Promise<FunctionSupport[]> {
  return Promise.all(
    functions.map(async (fn) => {
      const model = models[fn];
      const description = model === undefined ? undefined : await registry.describe(model);
      const objection = objectionTo(description, model, fn);
      return {
        function: fn,
        model,
        isServed: objection === undefined,
        state: description?.state,
        reason: objection?.reason,
        hint: objection?.hint,
      };
    }),
  );
}

function objectionTo(
  description: ModelDescription | undefined,
  model: string | undefined,
  fn: RequestFunction,
): { readonly reason: string; readonly hint?: string | undefined } | undefined {
  if (description === undefined) return { reason: `no model is configured for ${fn}` };
  if (description.state === 'unknown') return { reason: description.reason };
  // What cannot be read, such as a path that leads nowhere, has no functions that are known.
  const isKnown = description.card.functions.length > 0;
  if (isKnown && !description.card.functions.includes(fn)) return { reason: `model "${model}" does not serve ${fn}` };
  if (description.state === 'loadable') return undefined;
  return { reason: `model "${model}" cannot be loaded: ${description.reason}`, hint: description.hint };
}
