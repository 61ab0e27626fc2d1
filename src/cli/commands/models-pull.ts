import { LamplighterError } from '../../core/errors.ts';
import { RECOMMENDED_MODELS } from '../../models/catalogue/local-models.ts';
import { createModelPuller, type ModelPuller } from '../../models/files/create-model-puller.ts';
import type { ModelSpec } from '../../models/files/model-files.ts';
import type { PullResult } from '../../models/files/pull-model.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn, textOf } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { EXIT } from '../exit.ts';
import { findSpec, MODEL_DIR } from '../models/model-arguments.ts';
import { createPullProgress } from '../models/pull-progress.ts';
import { renderBytes } from '../render-units.ts';

const DEFAULT: CliOption = {
  flag: 'default',
  describes: `fetch ${Object.values(RECOMMENDED_MODELS).join(' and ')}, besides the named ones`,
};
const UPDATE: CliOption = {
  flag: 'update',
  describes: 'take the present files of the hub, even if others were pinned',
};
const OFFLINE: CliOption = {
  flag: 'offline',
  describes: 'make no network calls; only check the files on this machine',
};

export const modelsPullCommand: CliCommand = {
  name: 'models pull',
  summary: 'fetch models, or check their files',
  details:
    'Fetches the files of models from Hugging Face, checks them by sha256 and pins their hashes. Correct files on this machine stay. ' +
    'The same command resumes an interrupted download. Without a name it fetches ' +
    'those of --default. HF_TOKEN is for models that need a login, HF_ENDPOINT names a mirror, HF_HUB_OFFLINE is --offline.',
  argument: { name: 'model', describes: 'names from "models list"', isRepeatable: true },
  options: [DEFAULT, UPDATE, OFFLINE, MODEL_DIR, JSON_OPTION],
  examples: [
    { command: 'lamplighter models pull BAAI/bge-small-en', does: 'one model' },
    { command: 'lamplighter models pull --default', does: 'one that writes and one that ranks' },
    { command: 'lamplighter models pull BAAI/bge-small-en --update', does: 'the newest files of it' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { env, interruption, terminal } = invocation;
    const isOffline = isOn(invocation, OFFLINE);
    if (isOffline && isOn(invocation, UPDATE)) {
      throw new LamplighterError('USAGE', '--update and --offline exclude each other');
    }
    const specs = wantedModels(invocation);
    const puller = createModelPuller({ env, modelDir: textOf(invocation, MODEL_DIR), isOffline });
    const results: object[] = [];
    try {
      for (const spec of specs) results.push(await pull(invocation, puller, spec));
    } catch (error) {
      terminal.showStatus();
      if (interruption.first.aborted) {
        terminal.printError('Stopped. What was fetched is kept, and the same command goes on with it.');
      }
      throw error;
    }
    if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(results));
    return EXIT.done;
  },
};

/** All names are looked up before anything is fetched. */
function wantedModels(invocation: Invocation): readonly ModelSpec[] {
  const isDefault = isOn(invocation, DEFAULT) || invocation.args.length === 0;
  const names = [...invocation.args, ...(isDefault ? Object.values(RECOMMENDED_MODELS) : [])];
  return [...new Set(names)].map(findSpec);
}

async function pull(invocation: Invocation, puller: ModelPuller, spec: ModelSpec): Promise<object> {
  const { interruption, terminal } = invocation;
  const result = await puller.pull(spec, {
    signal: interruption.first,
    onEvent: createPullProgress(terminal, spec),
    isUpdate: isOn(invocation, UPDATE),
  });
  terminal.showStatus();
  if (!isOn(invocation, JSON_OPTION)) printResult(invocation, spec, result);
  return { name: spec.name, ...result };
}

function printResult({ terminal }: Invocation, { name, functions }: ModelSpec, result: PullResult): void {
  const { style } = terminal;
  const { path, fetched, fetchedBytes } = result;
  const did =
    fetched.length === 0
      ? `${name} is here already`
      : `${style.green('Fetched')} ${name}, ${renderBytes(fetchedBytes)}`;
  terminal.print(`${did}, in ${path}`);
  const [purpose = 'embed'] = functions;
  if (fetched.length > 0) terminal.print(style.dim(`  To use it: lamplighter worker --${purpose}-model ${name}`));
}
