import { toPrintable } from '../../core/printable.ts';
import { createModelRegistry } from '../../models/registry.ts';
import type { CliCommand } from '../cli-command.ts';
import { DATA_PATH_OPTION, providersOf } from '../data-path.ts';
import { EXIT } from '../exit.ts';

export const showModelsCommand: CliCommand = {
  name: 'show-models',
  summary: 'list the models by name',
  details:
    'Lists the names of models, one a line, with what they take and whether their files are here. Models of openai and cohere ' +
    'are not listed: any name after openai/ or cohere/ is sent to their server.',
  options: [DATA_PATH_OPTION],
  examples: [
    { command: 'lamplighter show-models', does: 'all of them' },
    { command: 'lamplighter show-models -d /var/lib/models', does: 'which of them that folder has' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal } = invocation;
    const models = await createModelRegistry({ providers: providersOf(invocation) }).list();
    for (const { card } of models) {
      terminal.print(toPrintable(`${card.name} - type: ${card.type}, downloaded: ${card.isDownloaded}`));
    }
    return EXIT.done;
  },
};

export const showRuntimesCommand: CliCommand = {
  name: 'show-runtimes',
  summary: 'list the kinds of engines that run models',
  details: 'Lists the names that a job or a request may ask for as its runtime, one a line.',
  options: [],
  examples: [{ command: 'lamplighter show-runtimes', does: 'all of them' }],
  logLevel: 'warn',
  async run({ providers, terminal }) {
    for (const runtime of createModelRegistry({ providers }).runtimes) terminal.print(toPrintable(runtime));
    return EXIT.done;
  },
};
