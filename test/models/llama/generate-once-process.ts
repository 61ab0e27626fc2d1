/** Loads the model whose path is its argument, answers one request, closes the model, and has nothing more to do. */
import process from 'node:process';
import { generateItem, loadModel, textOf } from './gguf-models.ts';

const [path = ''] = process.argv.slice(2);
const model = await loadModel(path);
const text = await textOf(model, generateItem('Once upon a time'));
await model.close();
process.exitCode = text.length > 0 ? 0 : 1;
