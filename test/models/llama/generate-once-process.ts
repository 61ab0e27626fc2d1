/** Fails to load the model of its first argument, loads that of its second, answers one request, and has nothing more to do. */
import process from 'node:process';
import { generateItem, loadModel, textOf } from './gguf-models.ts';

const [broken = '', sound = ''] = process.argv.slice(2);
const failure = await loadModel(broken).catch(() => 'as it should');
const model = await loadModel(sound);
const text = await textOf(model, generateItem('Once upon a time'));
await model.close();
if (failure !== 'as it should' || text === '') process.exitCode = 1;
