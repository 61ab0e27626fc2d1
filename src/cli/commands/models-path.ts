import { LamplighterError } from '../../core/errors.ts';
import { createModelFiles } from '../../models/files/create-model-files.ts';
import { modelFolder } from '../../models/files/model-folder.ts';
import type { CliCommand } from '../cli-command.ts';
import { textOf } from '../cli-option.ts';
import { EXIT } from '../exit.ts';
import { findSpec, MODEL_DIR } from '../models/model-arguments.ts';

export const modelsPathCommand: CliCommand = {
  name: 'models path',
  summary: 'print where models, or one of them, are kept',
  details:
    'Prints the folder of all models, or that of one of them (its file, for a GGUF model). Exits with 1 when that model is not here.',
  argument: { name: 'model', describes: 'a name from "models list"; without one, the folder of all' },
  options: [MODEL_DIR],
  examples: [
    { command: 'lamplighter models path', does: 'the folder of all' },
    { command: 'lamplighter models path BAAI/bge-small-en', does: 'one of them' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { args, env, terminal } = invocation;
    const modelDir = textOf(invocation, MODEL_DIR);
    const [name] = args;
    if (name === undefined) {
      terminal.print(modelFolder(env, modelDir));
      return EXIT.done;
    }
    const { runtime } = findSpec(name);
    const finding = await createModelFiles({ env, modelDir }).find(name, runtime);
    if (finding?.state === 'local') {
      terminal.print(finding.model.path);
      return EXIT.done;
    }
    throw new LamplighterError('MODEL_NOT_FOUND', `Model "${name}" is not here: ${finding?.reason}`, {
      hint: finding?.hint,
    });
  },
};
