/** Loads the fixture in a folder, embeds a text, closes, and ends by itself. */
import process from 'node:process';
import { createOnnxProvider } from '../../src/models/onnx/onnx-provider.ts';

const [folder = ''] = process.argv.slice(2);
const { signal } = new AbortController();
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
const loaded = await provider.load({ name: 'mean' }, signal);
const [outcome] = await loaded.embed(['lamp'], signal);
process.stdout.write(`${outcome?.ok === true ? JSON.stringify([...outcome.value]) : 'failed'}\n`);
await loaded.close();
