import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findFreePort } from '../../../src/db/embedded/postmaster.ts';
import { FILES, SPEC, setUpPull, WEIGHTS } from './pull-setup.ts';

const TOKEN = 'hf_geheim';

describe('a model that needs a login', () => {
  test('is fetched with HF_TOKEN, which goes to the hub and not to the storage behind it', async () => {
    const { hub, pull, intact } = await setUpPull();
    hub.requiredToken = TOKEN;
    await pull({ env: { HF_TOKEN: ` ${TOKEN}\n` } });
    expect(intact()).toBe(3);
    const tokensOf = (from: string) =>
      new Set(hub.requests.filter((request) => request.from === from).map(({ authorization }) => authorization));
    expect(tokensOf('hub')).toEqual(new Set([`Bearer ${TOKEN}`]));
    expect(tokensOf('storage')).toEqual(new Set([undefined]));
  });

  test('asks for a token where there is none', async () => {
    const { hub, pull } = await setUpPull();
    hub.requiredToken = TOKEN;
    await expect(pull()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('does not let us have onnx/model.onnx of org/repo (revision main) (status 401)'),
      hint: expect.stringMatching(/^Set HF_TOKEN .* accept them at http:.*\/org\/repo first\.$/),
    });
    expect(hub.requests).toHaveLength(1);
  });

  test('says that a token is not enough, without showing it', async () => {
    const { hub, pull } = await setUpPull();
    hub.faults = () => ({ status: 403 });
    const error = await pull({ env: { HF_TOKEN: TOKEN } }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ hint: expect.stringContaining('has accepted the terms at') });
    expect(JSON.stringify(error) + String(error)).not.toContain(TOKEN);
  });

  test.each(['two words', 'zwölf', 'a\u0001b'])('refuses the token %j and does not repeat it', async (token) => {
    const { pull } = await setUpPull();
    const error = await pull({ env: { HF_TOKEN: token } }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(error)).not.toContain(token);
  });
});

describe('a hub that does not have it', () => {
  test('is told by host, file and revision', async () => {
    const { hub, pull } = await setUpPull();
    const spec = { ...SPEC, source: { ...SPEC.source, files: ['onnx/none.onnx'] } };
    await expect(pull({ spec })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: `${new URL(hub.endpoint).host} has no onnx/none.onnx of org/repo (revision main)`,
      hint: expect.stringContaining(`See ${hub.endpoint}/org/repo.`),
    });
    expect(hub.requests).toHaveLength(1);
  });

  test.each([
    ['in circles', 'http://127.0.0.1/', /redirects onnx\/model\.onnx of org\/repo \(revision main\) in circles$/],
    ['to what is no web address', 'file:///etc/passwd', /redirects to something that is no web address$/],
    ['with a login in the address', 'http://a:geheim@x/', /redirects to something that is no web address$/],
  ])('is refused when it redirects %s', async (_how, target, message) => {
    const { hub, pull } = await setUpPull();
    const location = target === 'http://127.0.0.1/' ? `${hub.endpoint}/round` : target;
    hub.faults = () => ({ status: 302, headers: { location } });
    const error = await pull().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'DOWNLOAD_FAILED', message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('geheim');
  });
});

describe('a hub that cannot answer now', () => {
  test.each([408, 429, 500, 503])('is asked again after %d', async (status) => {
    const { hub, pull, intact, events } = await setUpPull();
    let left = 2;
    hub.faults = ({ method }) => (method === 'GET' && left-- > 0 ? { status } : undefined);
    await pull();
    expect(intact()).toBe(3);
    expect(events.filter(({ kind }) => kind === 'retrying')).toHaveLength(2);
  });

  test('is asked again when it says, not before', async () => {
    const { hub, pull, events } = await setUpPull();
    let left = 1;
    hub.faults = ({ method }) =>
      method === 'GET' && left-- > 0 ? { status: 429, headers: { 'retry-after': '7' } } : undefined;
    await pull();
    expect(events).toContainEqual({
      kind: 'retrying',
      reason: expect.stringMatching(/\(status 429\); next try in 7 s$/),
    });
  });

  test('is not waited for when it asks for too much patience', async () => {
    const { hub, pull } = await setUpPull();
    hub.faults = () => ({ status: 429, headers: { 'retry-after': '3600' } });
    await expect(pull()).rejects.toMatchObject({
      message: expect.stringMatching(/\(status 429\), and wants to be asked again in 60 minutes$/),
      hint: expect.stringContaining('HF_TOKEN'),
    });
    expect(hub.requests).toHaveLength(1);
  });

  test('is given up after six tries, whatever is asked', async () => {
    const { hub, pull } = await setUpPull();
    hub.faults = () => ({ status: 503 });
    await expect(pull()).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', message: expect.stringContaining('503') });
    expect(hub.requests).toHaveLength(6);
  });

  test('is named when it cannot be reached', async () => {
    const { pull } = await setUpPull();
    const port = await findFreePort();
    await expect(pull({ env: { HF_ENDPOINT: `http://127.0.0.1:${port}` } })).rejects.toMatchObject({
      message: expect.stringMatching(`^127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`),
    });
  });
});

test.each(['huggingface.co', 'ftp://x', 'https://user:geheim@x'])('HF_ENDPOINT %s is refused', async (endpoint) => {
  const { pull } = await setUpPull();
  const error = await pull({ env: { HF_ENDPOINT: endpoint } }).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^HF_ENDPOINT: expected/) });
  expect(String(error)).not.toContain('geheim');
});

test.each([
  ['huggingface.co', 'Set it to one such as https://huggingface.co, or unset it.'],
  ['https://user:geheim@x', 'If the mirror asks for a login, set HF_TOKEN.'],
])('HF_ENDPOINT %s is refused with what to do', async (endpoint, hint) => {
  const { pull } = await setUpPull();
  await expect(pull({ env: { HF_ENDPOINT: endpoint } })).rejects.toMatchObject({ hint });
});

test('HF_ENDPOINT may have a path and a slash at its end', async () => {
  const { hub, pull } = await setUpPull();
  hub.faults = () => ({ status: 404 });
  await pull({ env: { HF_ENDPOINT: `${hub.endpoint}/mirror/` } }).catch(() => undefined);
  expect(hub.requests[0]?.path).toBe(`/mirror/org/repo/resolve/main/${WEIGHTS}`);
});

describe('offline', () => {
  test.each([
    ['--offline', { isOffline: true }],
    ['HF_HUB_OFFLINE', { env: { HF_HUB_OFFLINE: '1' } }],
  ])('with %s nothing is called, and what lacks is named', async (_how, options) => {
    const { hub, pull } = await setUpPull();
    await expect(pull(options)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: `Model "test/model" lacks ${Object.keys(FILES).join(', ')}, and offline nothing is fetched`,
    });
    expect(hub.requests).toEqual([]);
  });

  test('files that are right are enough', async () => {
    const { hub, pull, path } = await setUpPull();
    await pull();
    const before = hub.requests.length;
    expect(await pull({ isOffline: true })).toMatchObject({ fetched: [] });
    writeFileSync(path('config.json'), 'damaged');
    await expect(pull({ isOffline: true })).rejects.toMatchObject({ message: expect.stringContaining('config.json') });
    expect(hub.requests.length).toBe(before);
  });

  test('files that somebody copied here are enough, though nothing says what they should be', async () => {
    const { pull, path } = await setUpPull();
    for (const [file, bytes] of Object.entries(FILES)) {
      mkdirSync(path(`${file}/..`), { recursive: true });
      writeFileSync(path(file), bytes);
    }
    expect(await pull({ isOffline: true })).toMatchObject({ fetched: [] });
  });
});
