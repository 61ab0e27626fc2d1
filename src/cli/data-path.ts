import { createProviders } from '../models/create-providers.ts';
import type { ModelProvider } from '../models/provider.ts';
import type { Invocation } from './cli-command.ts';
import { type CliOption, textOf } from './cli-option.ts';

export const DATA_PATH_OPTION: CliOption = {
  flag: 'data-path',
  short: 'd',
  argument: 'folder',
  describes: 'where models are kept',
  defaultText: 'LAMPLIGHTER_MODEL_DIR',
};

/** Where models come from, with the folder that the command line names; `given` are names of models there, which may be paths. */
export function providersOf(invocation: Invocation, given: readonly string[] = []): readonly ModelProvider[] {
  const { env, log, providers } = invocation;
  const folder = textOf(invocation, DATA_PATH_OPTION);
  const hasPath = given.some((name) => /^[./~]|\.gguf$/.test(name));
  if (folder === undefined && !hasPath) return providers;
  return createProviders({ env: folder === undefined ? env : { ...env, LAMPLIGHTER_MODEL_DIR: folder }, given, log });
}
