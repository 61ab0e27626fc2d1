import { type CatalogueModel, LOCAL_MODELS } from '../../models/catalogue/local-models.ts';
import { createModelFiles } from '../../models/files/create-model-files.ts';
import type { ModelFinding } from '../../models/files/model-files.ts';
import { modelFolder } from '../../models/files/model-folder.ts';
import type { CliCommand } from '../cli-command.ts';
import { isOn, textOf } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { EXIT } from '../exit.ts';
import { MODEL_DIR } from '../models/model-arguments.ts';
import { printTable } from '../render-table.ts';
import { renderBytes } from '../render-units.ts';

export const modelsListCommand: CliCommand = {
  name: 'models list',
  summary: 'show the models that can be fetched',
  details:
    'Shows the models whose files can be fetched, their purpose, size and licence, and which of them are on this machine. ' +
    '"show-models" lists those as well that need no files.',
  options: [MODEL_DIR, JSON_OPTION],
  examples: [
    { command: 'lamplighter models list', does: 'all of them' },
    { command: "lamplighter models list --json | jq '.[] | select(.isDownloaded)'", does: 'those that are here' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { env, terminal } = invocation;
    const modelDir = textOf(invocation, MODEL_DIR);
    const files = createModelFiles({ env, modelDir });
    const found = await Promise.all(
      LOCAL_MODELS.map(async (spec) => ({ spec, finding: await files.find(spec.name, spec.runtime) })),
    );
    if (isOn(invocation, JSON_OPTION)) {
      terminal.print(JSON.stringify(found.map(({ spec, finding }) => jsonOf(spec, finding))));
      return EXIT.done;
    }
    const rows = found.map(({ spec, finding }) => cellsOf(spec, finding));
    const header = ['model', 'for', 'dims', 'size', 'licence', 'here'];
    printTable(terminal, header, rows);
    terminal.print('\nFetch one with "lamplighter models pull NAME". Models are kept in');
    terminal.print(modelFolder(env, modelDir));
    return EXIT.done;
  },
};

function cellsOf(spec: CatalogueModel, finding: ModelFinding | undefined): string[] {
  const purpose = spec.type === 'visual' ? 'images' : (spec.functions[0] ?? '-');
  const dimensions = spec.embedding === undefined ? '-' : String(spec.embedding.dimensions);
  const licence = spec.licence === 'NOASSERTION' ? 'not stated' : spec.licence;
  const isHere = finding?.state === 'local' ? 'yes' : '-';
  return [spec.name, purpose, dimensions, renderBytes(spec.approximateBytes), licence, isHere];
}

function jsonOf(spec: CatalogueModel, finding: ModelFinding | undefined) {
  const { name, runtime, type, functions, licence, maxTokens, approximateBytes, source, embedding } = spec;
  return {
    name,
    runtime,
    type,
    functions,
    dimensions: embedding?.dimensions ?? null,
    maxTokens,
    licence: licence === 'NOASSERTION' ? null : licence,
    approximateBytes,
    repo: source.repo,
    revision: source.revision,
    isDownloaded: finding?.state === 'local',
    path: finding?.state === 'local' ? finding.model.path : null,
  };
}
