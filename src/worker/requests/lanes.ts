import { isLamplighterError, LamplighterError, messageOf } from '../../core/errors.ts';
import { groupBy } from '../../core/group-by.ts';
import { REQUEST_FUNCTIONS, type RequestFunction } from '../../core/request-functions.ts';
import { describeSupport, type FunctionSupport, resolveDefaultModels } from '../../models/default-models.ts';
import type { Model } from '../../models/port.ts';
import type { ModelRegistry } from '../../models/registry.ts';
import { type Lane, laneKey } from '../../requests/claimed-request.ts';
import type { WorkerConfig } from '../config.ts';

export interface NotServed {
  readonly functionName: RequestFunction;
  readonly reason: string;
  /** What to do about it, as a sentence of its own, where that is known. */
  readonly hint?: string | undefined;
}

export interface ServedReport {
  readonly served: readonly { readonly functionName: RequestFunction; readonly model: string }[];
  readonly notServed: readonly NotServed[];
}

/** Which lanes a worker claims from, and the model that answers each. */
export interface ServedLanes {
  readonly lanes: readonly Lane[];
  readonly report: ServedReport;
  modelOf(lane: Lane): Model;
}

const GENERATE = ['generateModel', '--generate-model'] as const;
const MODEL_FLAGS = {
  generate: GENERATE,
  generate_json: GENERATE,
  generate_regex: GENERATE,
  generate_choice: GENERATE,
  embed: ['embedModel', '--embed-model'],
  rerank: ['rerankModel', '--rerank-model'],
} as const satisfies Record<RequestFunction, readonly [keyof ModelOptions, string]>;

type ModelOptions = Pick<WorkerConfig, 'functions' | 'embedModel' | 'generateModel' | 'rerankModel' | 'lenient'>;

/**
 * Loads the models that the configuration names. A function whose model does not serve it is not served, and the report says why; nothing
 * ever takes its place. Each model serves the lane `default` of its functions, and the lane of its own name.
 *
 * @throws LamplighterError MODEL_FAILED or MODEL_NOT_FOUND for a model that was named and cannot be loaded, unless `lenient`.
 */
export async function loadLanes(
  registry: ModelRegistry,
  options: ModelOptions,
  signal: AbortSignal,
): Promise<ServedLanes> {
  const models = new Map<string, Model>();
  const served: { functionName: RequestFunction; model: string }[] = [];
  const notServed: NotServed[] = [];
  const wanted = options.functions ?? REQUEST_FUNCTIONS;
  for (const support of await describeSupport(registry, resolveDefaultModels(options))) {
    const { function: functionName, model: name } = support;
    if (wanted.includes(functionName)) requireLoadable(support, options);
    const reason = wanted.includes(functionName) ? support.reason : 'not among --functions';
    if (reason !== undefined || name === undefined) {
      notServed.push({ functionName, reason: reason ?? 'no model is configured', hint: support.hint });
      continue;
    }
    try {
      const model = await registry.load(name, signal);
      // What a server serves is known only now.
      if (!model.functions.includes(functionName)) {
        const refusal = model.refusals?.[functionName] ?? `model "${name}" does not serve ${functionName}`;
        notServed.push({ functionName, reason: refusal });
        continue;
      }
      models.set(laneKey({ functionName, model: 'default' }), model);
      models.set(laneKey({ functionName, model: name }), model);
      served.push({ functionName, model: name });
    } catch (error) {
      const hint = isLamplighterError(error) ? error.hint : undefined;
      requireLoadable({ ...support, reason: messageOf(error), hint, state: 'not_loadable' }, options, error);
      notServed.push({ functionName, reason: messageOf(error), hint });
    }
  }
  return {
    lanes: [...models.keys()].map(parseLaneKey),
    report: { served, notServed },
    modelOf(lane) {
      const model = models.get(laneKey(lane));
      if (model === undefined) throw new Error(`no model is loaded for ${laneKey(lane)}`);
      return model;
    },
  };
}

/** A worker that was told to use a model, and runs without it, would leave its requests pending for ever. */
function requireLoadable(
  { function: functionName, model, state, reason, hint }: FunctionSupport,
  options: ModelOptions,
  cause?: unknown,
): void {
  const [option, flag] = MODEL_FLAGS[functionName];
  const isNamed = options[option] !== undefined;
  if (!isNamed || options.lenient || (state !== 'unknown' && state !== 'not_loadable')) return;
  const code = state === 'unknown' ? 'MODEL_NOT_FOUND' : isLamplighterError(cause) ? cause.code : 'MODEL_FAILED';
  throw new LamplighterError(
    code,
    `The model that ${flag} names cannot be used: ${reason ?? `Model "${model}" failed`}`,
    {
      cause,
      hint: [hint, 'With --lenient the worker starts without it.'].filter((part) => part !== undefined).join(' '),
    },
  );
}

/** One line for people: what is served, and why the rest is not. */
export function describeReport({ served, notServed }: ServedReport): { serves: string[]; doesNotServe: string[] } {
  return {
    serves: served.map(({ functionName, model }) => `${functionName} with ${model}`),
    doesNotServe: [...groupBy(notServed, ({ reason }) => reason)].map(
      ([reason, entries]) => `${entries.map(({ functionName }) => functionName).join(', ')}: ${reason}`,
    ),
  };
}

function parseLaneKey(key: string): Lane {
  const colon = key.indexOf(':');
  return { functionName: key.slice(0, colon) as RequestFunction, model: key.slice(colon + 1) }; // written by laneKey above
}
