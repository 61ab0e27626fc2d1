/**
 * Stands in for the engine of a model. What a text says is what it does: `!segv`, `!abort`, `!kill` and `!exit` end the process, `!hang`
 * blocks it for ever, `!wait` until the call is cancelled, `!refuse` and `!stray` throw, `!print` prints; `!environment` fails with the
 * names of its variables. All texts of a call are worked on at once, unless one says `!each`. `which` is answered with the process's number,
 * all else with a vector of length 1. `!tokens-hang` and the like do the same when the text is to be divided into tokens, its words.
 *
 * It cannot be used when its weights are gone; it ends as it starts when a file `crash` lies beside them, and never starts beside one `hang`.
 */
import { existsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { type EngineCall, serveEngine } from '../../src/models/engine/serve-engine.ts';
import type { EngineSetup } from '../../src/models/onnx/engine-setup.ts';
import { failed, type ItemOutcome, succeeded } from '../../src/models/outcome.ts';

const DIMENSIONS = 16;
const SIGNALS = { '!segv': 'SIGSEGV', '!abort': 'SIGABRT', '!kill': 'SIGKILL' } as const;

serveEngine(async (setup) => {
  const { weightsPath } = setup as EngineSetup;
  if (existsSync(`${dirname(weightsPath)}/crash`)) die('SIGABRT');
  if (existsSync(`${dirname(weightsPath)}/hang`)) block();
  if (!existsSync(weightsPath)) throw new Error('its weights are gone');
  return {
    facts: { dimensions: DIMENSIONS, isBatchable: true, tokensPerSecond: 1_000 },
    async answer(work, call) {
      if (work.method === 'tokenize') return tokenize(work.items, call);
      const texts = work.method === 'embed' ? work.items : [];
      const positions = [...texts.keys()];
      const parts = texts.some((text) => text.includes('!each')) ? positions.map((at) => [at]) : [positions];
      for (const part of parts) {
        await call.working(part);
        for (const position of part) await misbehave(texts[position] ?? '', call);
        for (const position of part) call.ended(position, answerTo(texts[position] ?? ''));
      }
    },
  };
});

async function tokenize(texts: readonly string[], call: EngineCall): Promise<void> {
  for (const [position, text] of texts.entries()) {
    await call.working([position]);
    await misbehave(text.replaceAll('!', '').replaceAll('tokens-', '!'), call);
    const ends = Array.from(text.matchAll(/\s*\S+/g), ({ index, 0: { length } }) => index + length);
    call.ended(position, succeeded(Uint32Array.from(ends)));
  }
}

async function misbehave(text: string, { signal }: EngineCall): Promise<void> {
  for (const [step, name] of Object.entries(SIGNALS)) if (text.includes(step)) die(name);
  if (text.includes('!exit')) process.exit(3);
  if (text.includes('!stray')) void Promise.reject(new Error('out of order'));
  if (text.includes('!stray')) await delay(10_000);
  if (text.includes('!hang')) block();
  if (text.includes('!wait')) await delay(30_000, undefined, { signal });
  if (text.includes('!print'))
    for (let line = 0; line < 1_000; line += 1) process.stderr.write(`a complaint ${line}\n`);
  if (text.includes('!refuse')) throw new Error('told to refuse');
  const slow = /!sleep:(\d+)/.exec(text)?.[1];
  if (slow !== undefined) await delay(Number(slow), undefined, { signal });
}

function answerTo(text: string): ItemOutcome<Float32Array> {
  if (text.includes('!environment')) return failed(Object.keys(process.env).sort().join(' '));
  if (text === 'which') return succeeded(Float32Array.of(process.pid));
  const vector = new Float32Array(DIMENSIONS);
  vector[text.length % DIMENSIONS] = 1;
  return succeeded(vector);
}

/** As native code does: no handler of JavaScript runs. */
function die(signal: NodeJS.Signals): never {
  writeSync(2, 'GGML_ASSERT(false) failed\n');
  process.kill(process.pid, signal);
  block();
}

function block(): never {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
