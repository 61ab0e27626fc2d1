/**
 * A worker as `lamplighter worker` runs it: the compiled program in a process with nothing else in it, with a model that is nothing.
 * Arguments: URI, requests that the model takes at once. Sends how many it has answered.
 */
import process from 'node:process';
import { runProgram } from '../../dist/cli/run-program.js';
import { defineModel, succeeded } from '../../dist/models.js';

const [uri, maxBatch] = process.argv.slice(2);
const name = 'bench/null';
const description = {
  state: 'loadable',
  name,
  card: { name, runtime: 'bench', type: 'textual', functions: ['generate'], isDownloaded: true },
};
let handled = 0;
const provider = {
  runtime: 'bench',
  list: async () => [description],
  describe: async (asked) => (asked.name === name ? description : undefined),
  load: async () => {
    process.send?.('ready');
    return defineModel({
      name,
      runtime: 'bench',
      fingerprint: name,
      isCacheable: false,
      maxConcurrency: 64,
      generate: {
        maxBatch: Number(maxBatch),
        run: async (items) => {
          handled += items.length;
          return items.map(() => succeeded('ok'));
        },
      },
    });
  },
};
process.on('message', () => process.send?.(handled));
// Its parent is gone: so is the reason to work.
process.on('disconnect', () => process.exit(0));
const flags = ['--uri', uri, '--functions', 'generate', '--generate-model', name, '--log-level', 'warn'];
process.exit(await runProgram('lamplighter', ['worker', ...flags], { providers: [provider] }));
