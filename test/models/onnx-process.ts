/** Loads the fixture `mean` in a process of its own, embeds a text, closes and ends by itself. */
import process from 'node:process';
import { createOnnxProvider } from '../../src/models/onnx/onnx-provider.ts';

const [folder = ''] = process.argv.slice(2);
const model = {
  name: 'mean',
  runtime: 'ort',
  path: folder,
  weightsPath: `${folder}/onnx/model.onnx`,
  spec: undefined,
} as const;
const provider = createOnnxProvider({
  files: { list: async () => [], find: async () => ({ state: 'local', model }), hashWeights: async () => 'hash' },
});
const loaded = await provider.load({ name: 'mean' }, new AbortController().signal);
const [outcome] = await loaded.embed(['lamp'], new AbortController().signal);
process.stdout.write(`${outcome?.ok === true ? JSON.stringify([...outcome.value]) : 'failed'}\n`);
await loaded.close();
