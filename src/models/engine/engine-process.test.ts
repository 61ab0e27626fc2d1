import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Opens files until the limit of the shell is reached, then starts an engine. */
const PROGRAM = `
import { openSync } from 'node:fs';
import { createLogger } from './src/core/log.ts';
import { startEngineProcess } from './src/models/engine/engine-process.ts';
const log = createLogger({ level: 'silent' });
const entry = new URL('./test/models/misbehaving-engine.ts', 'file://' + process.cwd() + '/');
import.meta.resolve('tsx');
try { for (;;) openSync('/dev/null'); } catch {}
const signal = new AbortController().signal;
for (let time = 0; time < 2; time += 1) {
  await startEngineProcess({ entry, setup: {}, log }, signal).catch((error) => console.log(error.code, error.message));
}
`;

test('a process that cannot be made for want of files is a failure of the engine, not of the program', async () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const script = `ulimit -n 200; exec "$0" --import tsx --input-type=module -e "$1"`;
  const child = spawn('bash', ['-c', script, process.execPath, PROGRAM], { cwd: root, detached: true });
  const text = await textOf(child);
  expect(text.trim().split('\n')).toEqual([
    expect.stringMatching(/^MODEL_FAILED its engine could not be started: .*EMFILE/),
    expect.stringMatching(/^MODEL_FAILED its engine could not be started: .*EMFILE/),
  ]);
}, 30_000);

async function textOf(child: ChildProcess): Promise<string> {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part) => (text += String(part)));
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}
