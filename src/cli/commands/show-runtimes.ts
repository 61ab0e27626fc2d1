import { toPrintable } from '../../core/printable.ts';
import { createModelRegistry } from '../../models/registry.ts';
import type { CliCommand } from '../cli-command.ts';
import { EXIT } from '../exit-code.ts';

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
