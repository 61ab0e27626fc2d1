import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
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

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'an engine ends with its owner, by %s, also when it is stuck in native code',
  async (name) => {
    await using owner = spawnProcess('test/models/engine-owner-process.ts', [fixturePath('mean')]);
    const pid = (await owner.waitForLine(/^engine \d+$/)).slice('engine '.length);
    expect(stateOf(pid)).toMatch(/[RSD]/);
    owner.kill(name);
    await owner.exited;
    await eventually(() => expect(stateOf(pid)).toMatch(/gone|Z/), { timeoutMs: 2_000 });
  },
);

/** As the kernel says; one that has ended and nobody has asked for is a `Z`. */
function stateOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] ?? '';
  } catch {
    return 'gone';
  }
}
