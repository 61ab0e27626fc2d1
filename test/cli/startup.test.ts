import { expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

/** Libraries that only a model needs. Each costs every command memory and time when it is loaded by accident. */
const LATE_LIBRARIES = [
  'undici',
  'p-limit',
  'ajv',
  'ajv-formats',
  're2js',
  '@eslint-community/regexpp',
  '@huggingface/jinja',
  '@huggingface/tokenizers',
  'node-llama-cpp',
  'onnxruntime-node',
];

test('a command that runs no model loads no library of models', async () => {
  const { stderr, code } = await runCli(['--version'], { env: { NODE_DEBUG: 'esm' } });
  expect(code).toBe(0);
  const loaded = new Set([...stderr.matchAll(/node_modules\/((?:@[\w-]+\/)?[\w-]+)\//g)].map(([, name]) => name));
  expect(loaded).toContain('zod');
  expect(LATE_LIBRARIES.filter((name) => loaded.has(name))).toEqual([]);
});
