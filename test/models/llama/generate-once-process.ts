/**
 * Loads the model whose path is its argument, answers one request, closes the model, and has nothing more to do. Ends with 2 when the
 * model cannot be loaded.
 */
import process from 'node:process';
import { generateItem, loadModel, textOf } from './gguf-models.ts';

const [path = ''] = process.argv.slice(2);
const model = await loadModel(path).catch(() => undefined);
const text = model === undefined ? '' : await textOf(model, generateItem('Once upon a time'));
await model?.close();
if (text === '') process.exitCode = 2;
