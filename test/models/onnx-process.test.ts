import { expect, it } from 'vitest';
import { spawnProcess } from '../support/process.ts';
import { cosine, fixturePath, readExpected } from './onnx-fixtures.ts';

it('runs under tsx, and the process ends by itself once the model is closed', async () => {
  await using child = spawnProcess('test/models/onnx-process.ts', [fixturePath('mean')]);
  const line = await child.waitForLine(/^\[/);
  const { texts } = await readExpected('mean');
  expect(cosine(JSON.parse(line), texts[0]?.vector)).toBeGreaterThan(0.999999);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(child.stderr()).toBe('');
});

it('holds the end of a process until the thread has left the engine', async () => {
  await using child = spawnProcess('test/models/onnx-exit-process.ts');
  expect(await child.exited).toEqual({ code: 7, signal: null });
  expect(child.stdout()).toBe('left the engine\n');
});
