import { LamplighterError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { describeUnserved } from '../../models/catalogue/documented-models.ts';
import { LOCAL_MODELS } from '../../models/catalogue/local-models.ts';
import type { ModelSpec } from '../../models/files/model-files.ts';
import type { CliOption } from '../cli-option.ts';

/** Every command about the files of models has this option. */
export const MODEL_DIR: CliOption = {
  flag: 'model-dir',
  argument: 'folder',
  describes: 'where models are kept',
  defaultText: 'lamplighter/models in the folder for caches',
};

/**
 * The model of that name among those that have files to fetch.
 *
 * @throws LamplighterError USAGE for any other name: that there is nothing to fetch, or that it is not known, with the list.
 */
export function findSpec(name: string): ModelSpec {
  const spec = LOCAL_MODELS.find((known) => known.name === name);
  if (spec !== undefined) return spec;
  if (name.startsWith('builtin/')) throw nothingToFetch(name, 'it is part of the program');
  const other = describeUnserved({ name });
  if (other !== undefined) throw nothingToFetch(name, 'it is called over the network');
  const names = LOCAL_MODELS.map((known) => known.name);
  throw new LamplighterError(
    'USAGE',
    `Model "${name}" not found${didYouMean(name, names)}. Known models: ${names.join(', ')}`,
  );
}

function nothingToFetch(name: string, reason: string): LamplighterError {
  return new LamplighterError('USAGE', `Model "${name}" has no files to fetch: ${reason}`);
}
