import { toPrintable } from '../../core/printable.ts';
import { createModelRegistry } from '../../models/registry.ts';
import type { CliCommand } from '../cli-command.ts';
import { EXIT } from '../exit-code.ts';

export const showModelsCommand: CliCommand = {
  name: 'show-models',
  summary: 'list the models by name',
  details:
    'Lists the names of models, one a line, with what they take and whether their files are here. Models of openai and cohere ' +
    'are not listed: any name behind openai/ or cohere/ is asked for over the network.',
  options: [],
  examples: [{ command: 'lamplighter show-models', does: 'all of them' }],
  logLevel: 'warn',
  async run({ providers, terminal }) {
    const models = await createModelRegistry({ providers }).list();
    for (const { card } of models) {
      terminal.print(toPrintable(`${card.name} - type: ${card.type}, downloaded: ${card.isDownloaded}`));
    }
    return EXIT.done;
  },
};
