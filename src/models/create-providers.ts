import type { Env } from '../core/env.ts';
import type { Logger } from '../core/log.ts';
import { createBuiltinProvider } from './builtin-provider.ts';
import { createModelFiles } from './files/create-model-files.ts';
import { createCohereProvider } from './http/cohere-provider.ts';
import { createOpenAiProvider } from './http/openai-provider.ts';
import { createLlamaProvider } from './llama/llama-provider.ts';
import { readLlamaSettings } from './llama/llama-settings.ts';
import { createOnnxProvider } from './onnx/onnx-provider.ts';
import type { ModelProvider } from './provider.ts';

export interface CreateProvidersOptions {
  /** The environment: it names the folder of models, addresses and keys of servers, settings of the engines. */
  readonly env: Env;
  /** Model names that the user gave on the command line, in the environment or in code: only these may be paths. */
  readonly given?: readonly (string | undefined)[];
  /** The log of what engines print, and of their ends. @default silent */
  readonly log?: Logger | undefined;
}

/**
 * Every runtime that comes with the program. Loads nothing and calls out nowhere before a model is loaded.
 *
 * @throws LamplighterError CONFIG_INVALID for a variable of an engine that makes no sense.
 */
export function createProviders({ env, given = [], log }: CreateProvidersOptions): ModelProvider[] {
  const files = createModelFiles({ env, given });
  const logged = log === undefined ? {} : { log };
  return [
    createOnnxProvider({ files, ...logged }),
    createLlamaProvider({ files, settings: readLlamaSettings(env), ...logged }),
    createOpenAiProvider({ env }),
    createCohereProvider({ env }),
    createBuiltinProvider(),
  ];
}
