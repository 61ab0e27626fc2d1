import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLogger, silentLogger } from '../../src/core/log.ts';
import { answerRequests, embedTexts } from '../../src/models/answer-requests.ts';
import { startSupervisedEngine } from '../../src/models/engine/supervise-engine.ts';
import type { Model } from '../../src/models/port.ts';
import { compiledUrl } from '../support/compiled-program.ts';
import { eventually } from '../support/eventually.ts';
import { copyFixture, fixturePath, loadFixture, valuesOf } from './onnx-fixtures.ts';

const signal = new AbortController().signal;
const engineEntry = compiledUrl('test/models/misbehaving-engine.ts');
const loadMisbehaving = (folder = fixturePath('mean')) => loadFixture('mean', { engineEntry, folder });
const pidOf = async (model: Model) => valuesOf(await model.embed(['which'], signal))[0]?.[0] ?? 0;
const summary = (outcomes: Awaited<ReturnType<Model['embed']>>) =>
  outcomes.map((outcome) => (outcome.ok ? 'answered' : outcome.error.message));
const isAlive = (pid: number) => existsSync(`/proc/${pid}`);

describe('a process that ends', () => {
  it.each([
    ['!segv', 'was ended by SIGSEGV'],
    ['!abort', 'was ended by SIGABRT'],
    ['!kill', 'was ended by SIGKILL'],
    ['!exit', 'ended with code 3'],
    ['!stray', 'ended with code 1'],
  ])(
    'fails only the request that ends it, here by %s, with the reason',
    async (step, reason) => {
      await using model = await loadMisbehaving();
      const before = await pidOf(model);
      const texts = Array.from({ length: 16 }, (_, at) => (at === 5 ? `poison ${step}` : `text ${at}`));
      const outcomes = await embedTexts(model, texts, signal);
      expect(summary(outcomes)).toEqual(
        texts.map((_, at) => (at === 5 ? `The engine of mean ${reason} while it ran this request` : 'answered')),
      );
      expect(outcomes[5]).toMatchObject({ error: { kind: 'failed' } });
      expect(await pidOf(model)).not.toBe(before);
    },
    60_000,
  );

  it('fails each of two such requests, and no third', async () => {
    await using model = await loadMisbehaving();
    const outcomes = await embedTexts(model, ['a', 'b !segv', 'c', 'd', 'e !abort', 'f'], signal);
    expect(summary(outcomes).map((message) => /answered|SIG\w+/.exec(message)?.[0])).toEqual([
      'answered',
      'SIGSEGV',
      'answered',
      'answered',
      'SIGABRT',
      'answered',
    ]);
  }, 60_000);

  it('costs no second run of what is known to be at work alone', async () => {
    await using model = await loadMisbehaving();
    const told: string[] = [];
    const outcomes = await model.embed(['a !each', 'b !segv', 'c'], signal, {
      working: (positions) => told.push(`at ${positions.join()}`),
      ended: (position, { ok }) => told.push(`${position} ${ok}`),
    });
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(told).toEqual(['at ', 'at ', 'at 0', '0 true', 'at 1', '1 false', 'at ', 'at 2', '2 true']);
  });

  it('leaves the calls that wait unharmed', async () => {
    await using model = await loadMisbehaving();
    const calls = [['!exit'], ['a', 'b'], ['c']].map((texts) => model.embed(texts, signal));
    const outcomes = (await Promise.all(calls)).map((call) => call.map(({ ok }) => ok));
    expect(outcomes).toEqual([[false], [true, true], [true]]);
  });

  it('loses nothing and blames nobody when it is killed from outside in the midst of a batch', async () => {
    await using model = await loadMisbehaving();
    const pid = await pidOf(model);
    const call = model.embed(['a !sleep:300', 'b', 'c'], signal, {
      working: (positions) => positions.length === 3 && isAlive(pid) && process.kill(pid, 'SIGKILL'),
      ended: () => undefined,
    });
    expect(valuesOf(await call)).toHaveLength(3);
    expect(await pidOf(model)).not.toBe(pid);
  });

  it('is started again on the next call when it was killed while it was idle', async () => {
    await using model = await loadMisbehaving();
    process.kill(await pidOf(model), 'SIGKILL');
    expect(valuesOf(await model.embed(['a'], signal))).toHaveLength(1);
  });

  it('is held against nobody when no new one can be had, and answers again once it can', async () => {
    const folder = await copyFixture('mean');
    await using model = await loadMisbehaving(folder);
    await rename(`${folder}/onnx/model.onnx`, `${folder}/onnx/away`);
    process.kill(await pidOf(model), 'SIGKILL');
    const requests = ['a', 'b'].map((item) => ({ function: 'embed', item }) as const);
    for (const outcome of await answerRequests(model, requests, signal)) {
      const message = 'The engine of mean ended and could not be started again: its weights are gone';
      expect(outcome).toMatchObject({ ok: false, error: { kind: 'unavailable', message } });
    }
    await rename(`${folder}/onnx/away`, `${folder}/onnx/model.onnx`);
    expect(valuesOf(await model.embed(['a'], signal))).toHaveLength(1);
  }, 30_000);

  it('is not started again with other weights, as answers are kept under the hash of the first', async () => {
    const folder = await copyFixture('mean');
    await using model = await loadMisbehaving(folder);
    await writeFile(`${folder}/onnx/model.onnx`, 'other weights');
    process.kill(await pidOf(model), 'SIGKILL');
    expect(await model.embed(['a'], signal)).toMatchObject([
      { error: { kind: 'unavailable', message: expect.stringContaining('has changed since this worker loaded it') } },
    ]);
  }, 30_000);

  it('is ended when it hangs as it starts again, and answers once it starts', async () => {
    const folder = await copyFixture('mean');
    const setup = { weightsPath: `${folder}/onnx/model.onnx` };
    const options = { entry: engineEntry, setup, name: 'mean', log: silentLogger, files: [], restartLimitMs: 2_000 };
    const engine = await startSupervisedEngine(options, signal);
    try {
      await writeFile(`${folder}/onnx/hang`, '');
      process.kill(valuesOf(await engine.embed(['which'], signal))[0]?.[0] ?? 0, 'SIGKILL');
      expect(await engine.embed(['a'], signal)).toMatchObject([
        { error: { kind: 'unavailable', message: expect.stringContaining('did not start within 2s') } },
      ]);
      await rm(`${folder}/onnx/hang`);
      await eventually(async () => expect(valuesOf(await engine.embed(['a'], signal))).toHaveLength(1), {
        timeoutMs: 20_000,
      });
    } finally {
      await engine.close();
    }
  }, 60_000);

  it('is started again with a growing pause while it ends as it starts', async () => {
    const folder = await copyFixture('mean');
    await using model = await loadMisbehaving(folder);
    await writeFile(`${folder}/onnx/crash`, '');
    process.kill(await pidOf(model), 'SIGKILL');
    const takenMs: number[] = [];
    for (let call = 0; call < 4; call += 1) {
      const startedMs = performance.now();
      expect(await model.embed(['a'], signal)).toMatchObject([
        { error: { kind: 'unavailable', message: expect.stringContaining('was ended by SIGABRT while it started') } },
      ]);
      takenMs.push(performance.now() - startedMs);
    }
    // The first start is at once; then at least half of 200, 400 and 800 ms are between.
    expect(takenMs.slice(1).reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(700);
  }, 60_000);

  it('says why when it ends as it starts for the first time', async () => {
    const folder = await copyFixture('mean');
    await writeFile(`${folder}/onnx/crash`, '');
    await expect(loadMisbehaving(folder)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message:
        'Model "mean" could not be loaded: its engine was ended by SIGABRT while it started: GGML_ASSERT(false) failed',
    });
  });
});

describe('a call that is cancelled', () => {
  const cancelAtWork = (controller: AbortController) => ({
    working: (positions: readonly number[]) => {
      if (positions.length > 0) controller.abort(new Error('cancelled by hand'));
    },
    ended: () => undefined,
  });

  it('ends at once where the engine listens, which stays in use', async () => {
    await using model = await loadMisbehaving();
    const before = await pidOf(model);
    const controller = new AbortController();
    const waiting = model.embed(['!wait'], controller.signal, cancelAtWork(controller));
    const behind = model.embed(['behind'], signal);
    await expect(waiting).rejects.toThrow('cancelled by hand');
    expect(valuesOf(await behind)).toHaveLength(1);
    expect(await pidOf(model)).toBe(before);
  });

  it('ends within 100 ms where the engine comes to its next batch by then', async () => {
    await using model = await loadFixture('mean');
    const controller = new AbortController();
    let cancelledMs = 0;
    const waiting = model.embed(new Array<string>(20_000).fill('lamp'), controller.signal, {
      working: (positions) => {
        if (positions.length === 20_000 || controller.signal.aborted) return;
        cancelledMs = performance.now();
        controller.abort(new Error('cancelled by hand'));
      },
      ended: () => undefined,
    });
    await expect(waiting).rejects.toThrow('cancelled by hand');
    expect(performance.now() - cancelledMs).toBeLessThan(100);
  });

  it('ends the process where the engine does not listen, and leaves the next call a new one', async () => {
    await using model = await loadMisbehaving();
    const before = await pidOf(model);
    const controller = new AbortController();
    const hanging = model.embed(['!hang'], controller.signal, cancelAtWork(controller));
    const behind = model.embed(['which'], signal);
    await expect(hanging).rejects.toThrow('cancelled by hand');
    expect(valuesOf(await behind)[0]?.[0]).not.toBe(before);
    expect(isAlive(before)).toBe(false);
  }, 30_000);

  it('leaves at once while it waits for its turn', async () => {
    await using model = await loadMisbehaving();
    const [first, second] = [new AbortController(), new AbortController()];
    const running = model.embed(['!wait'], first.signal);
    const behind = model.embed(['behind'], second.signal);
    second.abort(new Error('not needed'));
    await expect(behind).rejects.toThrow('not needed');
    first.abort(new Error('nor this'));
    await expect(running).rejects.toThrow('nor this');
    expect(valuesOf(await model.embed(['after'], signal))).toHaveLength(1);
  });
});

describe('a process of an engine', () => {
  it('rejects a call that it could not answer, and goes on', async () => {
    await using model = await loadMisbehaving();
    const before = await pidOf(model);
    await expect(model.embed(['!refuse'], signal)).rejects.toThrow('told to refuse');
    expect(await pidOf(model)).toBe(before);
  });

  it('closes after the calls in progress, once, and answers nothing afterwards', async () => {
    const model = await loadMisbehaving();
    const pid = await pidOf(model);
    const call = model.embed(['a !sleep:100', 'b'], signal);
    const order: string[] = [];
    const closed = [model.close(), model.close()].map((closing) => closing.then(() => order.push('closed')));
    await call.then((outcomes) => order.push(`answered ${valuesOf(outcomes).length}`));
    await Promise.all(closed);
    expect(order).toEqual(['answered 2', 'closed', 'closed']);
    expect(isAlive(pid)).toBe(false);
    await expect(model.embed(['late'], signal)).rejects.toThrow('closed');
  });

  it('closes also when it has ended', async () => {
    const model = await loadMisbehaving();
    await model.embed(['!exit'], signal);
    await model.close();
  });

  it('heeds no signal that is meant for its parent', async () => {
    await using model = await loadMisbehaving();
    const pid = await pidOf(model);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, name);
    await delay(50);
    expect(await pidOf(model)).toBe(pid);
  });

  it('gets none of the secrets in the environment of its parent', async () => {
    process.env['PGPASSWORD'] = 'secret';
    process.env['OPENAI_API_KEY'] = 'secret';
    process.env['DATABASE_URL'] = 'postgres://secret';
    process.env['CUDA_VISIBLE_DEVICES'] = '0';
    try {
      await using model = await loadMisbehaving();
      const names = summary(await model.embed(['!environment'], signal))
        .join()
        .split(' ');
      expect(names).toContain('PATH');
      expect(names).toContain('CUDA_VISIBLE_DEVICES');
      expect(names.filter((name) => /^PG|KEY|DATABASE|LAMPLIGHTER|VITEST/.test(name))).toEqual([]);
    } finally {
      for (const name of ['PGPASSWORD', 'OPENAI_API_KEY', 'DATABASE_URL', 'CUDA_VISIBLE_DEVICES'])
        delete process.env[name];
    }
  });

  it('logs some of what native code prints, at debug, and no flood of it', async () => {
    const lines: { readonly msg: string; readonly level: string; readonly line?: string }[] = [];
    const log = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } });
    await using model = await loadFixture('mean', { engineEntry, log });
    await model.embed(['!print'], signal);
    await eventually(() => expect(lines.length).toBeGreaterThanOrEqual(20));
    expect(lines.length).toBeLessThan(30);
    expect(lines[0]).toMatchObject({ level: 'debug', line: 'a complaint 0' });
  });
});
