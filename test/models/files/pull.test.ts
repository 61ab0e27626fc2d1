import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COMMIT, FILES, NEXT_COMMIT, REPO, SPEC, setUpPull, WEIGHTS } from './pull-setup.ts';
import { bytesOf, gitIdOf, type SeenRequest, sha256Of } from './stub-hub.ts';

const isWeights = ({ from, method, path }: SeenRequest) =>
  from === 'storage' && method === 'GET' && path.endsWith(WEIGHTS);
const offsetOf = ({ range }: SeenRequest) => Number(/\d+/.exec(range ?? '0')?.[0]);

describe('a model that is not here', () => {
  test('is fetched whole, and pinned', async () => {
    const { hub, pull, files, intact, path, root } = await setUpPull();
    const result = await pull();
    expect(intact()).toBe(3);
    expect(result).toEqual({ path: path(''), fetched: Object.keys(FILES), fetchedBytes: 430_021 });
    expect(files()).toEqual([
      'hashes.json',
      'models.lock.json',
      ...['config.json', WEIGHTS, 'tokenizer.json'].map((file) => `test/model/${file}`),
    ]);
    expect(JSON.parse(readFileSync(`${root}/models.lock.json`, 'utf8'))).toEqual({
      version: 1,
      models: {
        'test/model': {
          repo: REPO,
          revision: 'main',
          commit: COMMIT,
          files: {
            [WEIGHTS]: { announced: `sha256:${sha256Of(FILES[WEIGHTS])}`, sha256: sha256Of(FILES[WEIGHTS]) },
            'config.json': {
              announced: `git:${gitIdOf(FILES['config.json'])}`,
              sha256: sha256Of(FILES['config.json']),
            },
            'tokenizer.json': {
              announced: `sha256:${sha256Of(FILES['tokenizer.json'])}`,
              sha256: sha256Of(FILES['tokenizer.json']),
            },
          },
        },
      },
    });
    expect(hub.requests.map(({ acceptEncoding }) => acceptEncoding)).not.toContain('gzip, deflate');
  });

  test('is told about in bytes that only grow', async () => {
    const { pull, events } = await setUpPull();
    await pull();
    const progress = events.flatMap((event) => (event.kind === 'progress' ? [event.doneBytes] : []));
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(430_021);
    expect(new Set(events.flatMap((event) => (event.kind === 'progress' ? [event.totalBytes] : [])))).toEqual(
      new Set([430_021]),
    );
  });

  test('comes from one commit, also when the branch moves meanwhile', async () => {
    const { hub, pull, intact } = await setUpPull();
    hub.faults = ({ path }) => {
      if (path.endsWith('config.json'))
        hub.commit(REPO, NEXT_COMMIT, { ...FILES, 'tokenizer.json': bytesOf('x', 2_000) });
      return undefined;
    };
    await pull();
    expect(intact()).toBe(3);
  });

  test('can come from a mirror that does not tell the commit', async () => {
    const { hub, pull, intact } = await setUpPull();
    hub.announces.commit = false;
    await pull();
    expect(intact()).toBe(3);
  });

  test('is refused when the hub announces no hash', async () => {
    const { hub, pull, files } = await setUpPull();
    hub.announces.hash = false;
    await expect(pull()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('announces no hash of onnx/model.onnx of org/repo (revision main)'),
    });
    expect(files()).toEqual([]);
  });
});

describe('a model that is here', () => {
  test('is checked without a call', async () => {
    const { hub, pull } = await setUpPull();
    await pull();
    const before = hub.requests.length;
    expect(await pull()).toMatchObject({ fetched: [], fetchedBytes: 0 });
    expect(hub.requests.length).toBe(before);
  });

  test('has damaged and missing files replaced, and no others', async () => {
    const { hub, pull, path, intact, files } = await setUpPull();
    await pull();
    writeFileSync(path('tokenizer.json'), 'x');
    writeFileSync(path('tokenizer.json.0123456789ab.partial'), 'of other contents');
    rmSync(path('config.json'));
    expect(await pull()).toMatchObject({ fetched: ['config.json', 'tokenizer.json'] });
    expect(intact()).toBe(3);
    expect(hub.requests.filter(isWeights)).toHaveLength(1);
    expect(files().filter((file) => file.endsWith('.partial'))).toEqual([]);
  });

  test('is taken as it is, and pinned, when somebody copied the right files here', async () => {
    const { hub, pull, path, root } = await setUpPull();
    for (const [file, bytes] of Object.entries(FILES)) {
      mkdirSync(path(`${file}/..`), { recursive: true });
      writeFileSync(path(file), bytes);
    }
    expect(await pull()).toMatchObject({ fetched: [] });
    expect(hub.requests.filter(({ method }) => method === 'GET')).toEqual([]);
    expect(readFileSync(`${root}/models.lock.json`, 'utf8')).toContain(sha256Of(FILES[WEIGHTS]));
  });
});

describe('a pinned model', () => {
  const CHANGED = { ...FILES, [WEIGHTS]: bytesOf('other weights', 400_000) };

  test('is fetched again from the commit that it came from', async () => {
    const { hub, pull, path, intact } = await setUpPull();
    await pull();
    hub.commit(REPO, NEXT_COMMIT, CHANGED);
    rmSync(path(''), { recursive: true });
    await pull();
    expect(intact()).toBe(3);
  });

  test('whose hash has changed under the same revision is refused, until the user wants the new one', async () => {
    const { hub, pull, path, intact, events } = await setUpPull();
    await pull();
    hub.commit(REPO, COMMIT, CHANGED);
    rmSync(path(WEIGHTS));
    await expect(pull()).rejects.toMatchObject({
      code: 'MODEL_CHANGED',
      message: expect.stringMatching(
        /^onnx\/model\.onnx of model "test\/model" has changed on the hub: it was sha256:/,
      ),
      hint: expect.stringContaining('lamplighter models pull test/model --update'),
    });
    expect(existsSync(path(WEIGHTS))).toBe(false);
    await pull({ isUpdate: true });
    expect(intact()).toBe(2);
    expect(readFileSync(path(WEIGHTS)).equals(CHANGED[WEIGHTS])).toBe(true);
    expect(events).toContainEqual({ kind: 'changed', file: WEIGHTS });
    expect(await pull()).toMatchObject({ fetched: [] });
  });

  test('keeps what it has, and its pin, while an update does not come through', async () => {
    const { hub, pull, intact } = await setUpPull();
    await pull();
    hub.commit(REPO, NEXT_COMMIT, CHANGED);
    hub.faults = (request) => (isWeights(request) ? { status: 500 } : undefined);
    await expect(pull({ isUpdate: true })).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(intact()).toBe(3);
    expect(await pull()).toMatchObject({ fetched: [] });
  });

  test('whose commit is gone says how to take what there is now', async () => {
    const { hub, pull, path } = await setUpPull();
    await pull();
    hub.commit(REPO, NEXT_COMMIT, FILES);
    hub.forget(REPO, COMMIT);
    rmSync(path(WEIGHTS));
    await expect(pull()).rejects.toMatchObject({
      message: expect.stringMatching(
        /has no onnx\/model\.onnx of org\/repo \(revision aaaaaaaaaaaa\), which the lock file pins$/,
      ),
      hint: expect.stringContaining('--update'),
    });
  });

  test('with a lock file that cannot be read is neither fetched nor pinned anew', async () => {
    const { pull, root, hub } = await setUpPull();
    await pull();
    const before = hub.requests.length;
    writeFileSync(`${root}/models.lock.json`, '{"version":2}');
    await expect(pull()).rejects.toMatchObject({
      code: 'MODEL_CHANGED',
      message: expect.stringContaining('lock file'),
    });
    expect(hub.requests.length).toBe(before);
  });
});

describe('a download that is cut short', () => {
  test('goes on by itself where it stopped', async () => {
    const { hub, pull, intact, events } = await setUpPull();
    hub.faults = (request) => (isWeights(request) && offsetOf(request) === 0 ? { cutAfter: 150_000 } : undefined);
    await pull();
    expect(intact()).toBe(3);
    expect(hub.requests.filter(isWeights).map(offsetOf)).toEqual([0, 150_000]);
    expect(events).toContainEqual({ kind: 'retrying', reason: expect.stringContaining('The connection was cut off') });
  });

  test('goes on with the next call after it was stopped', async () => {
    const { hub, pull, intact } = await setUpPull();
    hub.faults = (request) => (isWeights(request) ? { stallAfter: 150_000 } : undefined);
    const stop = new AbortController();
    const stopped = pull({
      signal: stop.signal,
      onEvent: (event) => {
        if (event.kind === 'progress' && event.doneBytes === 150_000) stop.abort(new Error('stopped'));
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    expect(intact()).toBe(0);
    hub.faults = () => undefined;
    await pull();
    expect(intact()).toBe(3);
    expect(hub.requests.filter(isWeights).map(offsetOf)).toEqual([0, 150_000]);
  });

  test('begins anew where the server sends no parts', async () => {
    const { hub, pull, intact } = await setUpPull();
    hub.faults = (request) => {
      if (!isWeights(request)) return undefined;
      return offsetOf(request) === 0 ? { cutAfter: 150_000 } : { ignoresRange: true };
    };
    await pull();
    expect(intact()).toBe(3);
  });

  test('begins anew when what it left is not the beginning of the file', async () => {
    const { hub, pull, path, intact, events } = await setUpPull();
    const partial = `${path(WEIGHTS)}.${sha256Of(FILES[WEIGHTS]).slice(-12)}.partial`;
    mkdirSync(path('onnx'), { recursive: true });
    writeFileSync(partial, Buffer.alloc(100_000, 7));
    await pull();
    expect(intact()).toBe(3);
    expect(hub.requests.filter(isWeights).map(offsetOf)).toEqual([100_000, 0]);
    expect(events).toContainEqual({ kind: 'retrying', reason: expect.stringContaining('does not fit; starting anew') });
    expect(existsSync(partial)).toBe(false);
  });

  test('is given up when nothing comes any more, and what came is kept', async () => {
    const { hub, pull, files, path } = await setUpPull();
    hub.faults = (request) => (isWeights(request) ? { cutAfter: offsetOf(request) === 0 ? 150_000 : 0 } : undefined);
    await expect(pull()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      hint: 'What was fetched is kept, and the same command goes on with it.',
    });
    const partial = files().find((file) => file.endsWith('.partial')) ?? '';
    expect(statSync(`${path('../..')}/${partial}`).size).toBe(150_000);
  });

  test('is noticed when the connection only falls silent', async () => {
    const { hub, pull, intact, events } = await setUpPull();
    hub.faults = (request) => (isWeights(request) && offsetOf(request) === 0 ? { stallAfter: 150_000 } : undefined);
    await pull({ silenceMs: 150 });
    expect(intact()).toBe(3);
    expect(events).toContainEqual({ kind: 'retrying', reason: expect.stringContaining('Nothing came for 30 seconds') });
  });
});

test('a hub that says nothing of a file is asked again', async () => {
  const { hub, pull, intact, events } = await setUpPull();
  let asked = 0;
  hub.faults = ({ method }) => (method === 'HEAD' && asked++ === 0 ? { isSilent: true } : undefined);
  await pull({ silenceMs: 150 });
  expect(intact()).toBe(3);
  expect(events).toContainEqual({ kind: 'retrying', reason: expect.stringContaining('Nothing came for 30 seconds') });
});

test('a server that sends no parts and cuts each answer off is given up, though some are longer than the one before', async () => {
  const { hub, pull } = await setUpPull();
  let tries = 0;
  hub.faults = (request) => {
    if (!isWeights(request) || ++tries > 20) return undefined;
    return { ignoresRange: true, cutAfter: tries % 2 === 0 ? 100_000 : 150_000 };
  };
  await expect(pull()).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
});

describe('what came', () => {
  test.each([
    ['other bytes', { isCorrupt: true }],
    ['more bytes', { extraBytes: 10 }],
  ] as const)('is refused when it is %s than the hub announced, and nothing of it stays', async (_what, fault) => {
    const { hub, pull, files } = await setUpPull();
    hub.faults = (request) => (isWeights(request) ? fault : undefined);
    await expect(pull()).rejects.toMatchObject({ code: 'MODEL_CHANGED' });
    expect(files()).toEqual(['models.lock.json']);
    expect(hub.requests.filter(isWeights)).toHaveLength(1);
  });

  test('is refused when it is wrong in pieces, and not asked for without end', async () => {
    const { hub, pull, files } = await setUpPull();
    let tries = 0;
    hub.faults = (request) => {
      if (!isWeights(request) || ++tries > 20) return undefined;
      return { isCorrupt: true, ...(offsetOf(request) === 0 && { cutAfter: 150_000 }) };
    };
    await expect(pull()).rejects.toMatchObject({ code: 'MODEL_CHANGED' });
    expect(files()).toEqual(['models.lock.json']);
    expect(tries).toBe(2);
  });

  test('is checked for small files too', async () => {
    const { hub, pull, intact } = await setUpPull();
    hub.faults = ({ method, path }) =>
      method === 'GET' && path.endsWith('config.json') ? { isCorrupt: true } : undefined;
    await expect(pull()).rejects.toMatchObject({
      code: 'MODEL_CHANGED',
      message: expect.stringMatching(
        /^What came is not config\.json of org\/repo .*: the hub announced git:.*, and this is git:/,
      ),
    });
    expect(intact()).toBe(0);
  });

  test.each(['../evil', 'a/../../evil', '/etc/evil', 'a//b', 'a\\..\\b', 'C:evil', '.', ''])(
    'never goes to %j, outside the folder',
    async (file) => {
      const { hub, pull } = await setUpPull();
      const spec = { ...SPEC, source: { ...SPEC.source, files: [file] } };
      await expect(pull({ spec })).rejects.toMatchObject({ code: 'MODEL_FAILED' });
      await expect(pull({ spec: { ...SPEC, name: file } })).rejects.toMatchObject({ code: 'MODEL_FAILED' });
      expect(hub.requests).toEqual([]);
    },
  );
});
