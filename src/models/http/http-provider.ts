import { createHash } from 'node:crypto';
import type { Model } from '../port.ts';
import type { KnownModelDescription, ModelProvider, ModelSelection } from '../provider.ts';
import { type Endpoint, type EndpointProblem, isEndpointProblem } from './endpoint.ts';
import { ANY_MODEL, dimensionsProblem, type KnownModel } from './known-models.ts';

/** What sets one provider of remote models apart from another. */
export interface HttpProviderSpec {
  readonly runtime: 'openai' | 'cohere';
  readonly endpoint: Endpoint | EndpointProblem;
  /** What is known of a model by its name, given an endpoint. */
  knownModel(endpoint: Endpoint, model: string): KnownModel;
  /** Why the texts' type cannot be told to a model, as the end of a sentence. */
  inputTypeProblem(endpoint: Endpoint, inputType: string): string | undefined;
  load(endpoint: Endpoint, selection: ModelSelection, model: string, signal: AbortSignal): Promise<Model>;
}

/** Longest name that is sent to a server. */
const MAX_NAME_LENGTH = 256;

/** Serves every name behind its runtime's: `openai/NAME`. Describing never calls out. */
export function createHttpProvider(spec: HttpProviderSpec): ModelProvider {
  const { runtime, endpoint } = spec;

  async function describe(selection: ModelSelection): Promise<KnownModelDescription | undefined> {
    const { name, dimensions, inputType } = selection;
    const model = modelIn(runtime, name);
    if (model === undefined) return undefined;
    const known = isEndpointProblem(endpoint) ? undefined : spec.knownModel(endpoint, model);
    const problem = dimensionsProblem(known ?? ANY_MODEL, dimensions);
    const ownDimensions = dimensions ?? known?.dimensions?.[0];
    const card = {
      name,
      runtime,
      type: 'textual',
      functions: (known ?? ANY_MODEL).functions,
      isDownloaded: true,
      ...(ownDimensions !== undefined && problem === undefined && { dimensions: ownDimensions }),
    } as const;
    if (isEndpointProblem(endpoint)) return { state: 'not_loadable', name, card, ...endpoint };
    const reason = problem ?? (inputType === undefined ? undefined : spec.inputTypeProblem(endpoint, inputType));
    return reason === undefined ? { state: 'loadable', name, card } : { state: 'not_loadable', name, card, reason };
  }

  return {
    runtime,
    list: async () => [],
    describe,
    async load(selection, signal) {
      const model = modelIn(runtime, selection.name);
      if (model === undefined || isEndpointProblem(endpoint))
        throw new Error(`"${selection.name}" is not described as loadable`);
      return spec.load(endpoint, selection, model, signal);
    },
  };
}

/** Changes with everything that changes an answer as far as it is known here; the address in it is hashed. */
export function fingerprintOf(endpoint: Endpoint, runtime: string, selection: ModelSelection): string {
  const { name, dimensions, inputType } = selection;
  const fields = [endpoint.baseUrl.href, name, dimensions ?? null, inputType ?? null];
  return `${runtime} 1 ${createHash('sha256').update(JSON.stringify(fields)).digest('hex')}`;
}

function modelIn(runtime: string, name: string): string | undefined {
  const prefix = `${runtime}/`;
  const model = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  const isSendable = model.trim() === model && model !== '' && model.length <= MAX_NAME_LENGTH && !/\p{C}/u.test(model);
  return isSendable ? model : undefined;
}
