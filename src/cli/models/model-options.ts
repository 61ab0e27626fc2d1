import type { CliOption } from '../cli-option.ts';

/** On every command about the files of models. */
export const MODEL_DIR: CliOption = {
  flag: 'model-dir',
  argument: 'folder',
  describes: 'where models are kept',
  defaultText: 'lamplighter/models in the folder for caches',
};
