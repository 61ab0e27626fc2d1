/** Makes the providers of both engines, lists and describes their models, and loads none. Prints how many there are. */
import process from 'node:process';
import { createModelFiles } from '../../../src/models/files/create-model-files.ts';
import { createLlamaProvider } from '../../../src/models/llama/llama-provider.ts';
import { readLlamaSettings } from '../../../src/models/llama/llama-settings.ts';
import { createOnnxProvider } from '../../../src/models/onnx/onnx-provider.ts';

const files = createModelFiles({ env: {}, given: process.argv.slice(2) });
const providers = [createOnnxProvider({ files }), createLlamaProvider({ files, settings: readLlamaSettings({}) })];
const loadable = (await Promise.all(providers.map((provider) => provider.list())))
  .flat()
  .filter(({ state }) => state === 'loadable');
process.stdout.write(`${loadable.length} are loadable\n`);
