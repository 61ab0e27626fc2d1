import type { ModelSelection } from '../../models/provider.ts';

export interface ModelTexts {
  readonly name: string;
  readonly runtime: string | undefined;
  readonly params: string | undefined;
}

/** Runtimes whose models are called by a bare name in Lantern's rows. */
const PREFIXED = ['openai', 'cohere'];
const SECRET = /(?:token|key|secret|password|authorization)$/i;
/** What a table must not name: places that texts would be sent to, and files of the daemon's host. */
const PLACE = /url|uri|host|endpoint|path|dir$|file|proxy|^base/i;

/** The model that a row names. A key, an endpoint or a file in `runtime_params` is refused: these are the daemon's, not the table's. */
export function readModel({ name, runtime, params }: ModelTexts): ModelSelection | { readonly problem: string } {
  const read = readParams(params);
  if ('problem' in read) return read;
  const trimmed = name.trim();
  const wanted = runtime?.trim();
  const isBare = wanted !== undefined && PREFIXED.includes(wanted) && !trimmed.startsWith(`${wanted}/`);
  return {
    name: isBare ? `${wanted}/${trimmed}` : trimmed,
    ...(wanted === undefined || wanted === '' ? {} : { runtime: wanted }),
    ...read,
  };
}

function readParams(
  text: string | undefined,
): Pick<ModelSelection, 'dimensions' | 'inputType'> | { readonly problem: string } {
  if (text === undefined || text.trim() === '') return {};
  let params: unknown;
  try {
    params = JSON.parse(text);
  } catch {
    return { problem: 'runtime_params must be a JSON object' };
  }
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    return { problem: 'runtime_params must be a JSON object' };
  }
  const entries = new Map(Object.entries(params));
  for (const name of entries.keys()) {
    if (SECRET.test(name)) {
      return {
        problem: `runtime_params holds "${name}": keys do not belong there; set OPENAI_API_KEY or COHERE_API_KEY where the program runs, and change that key, as others could read it`,
      };
    }
    if (PLACE.test(name)) {
      return {
        problem: `runtime_params holds "${name}": files and servers are not named there; set OPENAI_BASE_URL or COHERE_BASE_URL, or the folder of models, where the program runs`,
      };
    }
  }
  const dimensions = entries.get('dimensions') ?? undefined;
  const inputType = entries.get('input_type') ?? undefined;
  if (dimensions !== undefined && !(Number.isInteger(dimensions) && Number(dimensions) > 0)) {
    return { problem: 'dimensions in runtime_params must be a whole number above 0' };
  }
  if (inputType !== undefined && typeof inputType !== 'string') {
    return { problem: 'input_type in runtime_params must be a text' };
  }
  return {
    ...(dimensions === undefined ? {} : { dimensions: Number(dimensions) }),
    ...(inputType === undefined ? {} : { inputType }),
  };
}
