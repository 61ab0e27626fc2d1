/**
 * A worker as an application that installed the package would run it: compiled, through the public entry points, and nothing else in the
 * process. Arguments: URI, requests that the model takes at once. Sends how many it has answered.
 */
import process from 'node:process';
import { createWorker } from '../../dist/index.js';
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
  load: async () =>
    defineModel({
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
    }),
};
await createWorker({ uri, providers: [provider], generateModel: name, functions: ['generate'] });
process.on('message', () => process.send?.(handled));
// Its parent is gone: so is the reason to work.
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
