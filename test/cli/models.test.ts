import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RUNTIMES } from '../../src/models/catalogue/documented-models.ts';
import { LOCAL_MODELS } from '../../src/models/catalogue/local-models.ts';
import { bytesOf, type SeenRequest, type StubHub, startStubHub } from '../models/files/stub-hub.ts';
import { eventually } from '../support/eventually.ts';
import { runCli, startCli } from './run-cli.ts';

const NAME = 'BAAI/bge-small-en';
const WEIGHTS = 'onnx/model.onnx';
const FILES = {
  [WEIGHTS]: bytesOf('weights', 3_000_000),
  'config.json': Buffer.from('{}'),
  'tokenizer.json': bytesOf('tokenizer', 50_000),
  'tokenizer_config.json': Buffer.from('{"a":1}'),
};
const isWeights = ({ from, method, path }: SeenRequest) =>
  from === 'storage' && method === 'GET' && path.endsWith(WEIGHTS);

let hub: StubHub;
let root: string;
beforeEach(async () => {
  hub = await startStubHub();
  hub.commit('Xenova/bge-small-en-v1.5', 'a'.repeat(40), FILES);
  root = mkdtempSync(join(tmpdir(), 'lamplighter-models-'));
});
afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

/** Nothing of the machine's own settings reaches the program. */
const env = (more: Record<string, string | undefined> = {}) => ({
  HF_ENDPOINT: hub.endpoint,
  HF_TOKEN: undefined,
  HF_HUB_OFFLINE: undefined,
  LAMPLIGHTER_MODEL_DIR: root,
  ...more,
});
const path = (file: string) => join(root, NAME, file);
const partials = () =>
  existsSync(path('onnx')) ? readdirSync(path('onnx')).filter((name) => name.endsWith('.partial')) : [];

/** Of the weights, while they come. */
const partialSize = () => Math.max(0, ...partials().map((name) => statSync(path(`onnx/${name}`)).size));

test('models pull fetches a model, says how far it is in plain lines, and where it is in the end', async () => {
  const { code, stdout, stderr } = await runCli(['models', 'pull', NAME], { env: env() });
  expect(stdout).toBe(
    `Fetched ${NAME}, 3.05 MB, in ${path('')}\n  To use it: lamplighter worker --embed-model ${NAME}\n`.replace(
      '/\n',
      '\n',
    ),
  );
  expect(stderr).toMatch(/^( {2}BAAI\/bge-small-en: \d+ %, .* of 3\.05 MB\n)+$/);
  expect(stderr).not.toContain('\u001b');
  expect(code).toBe(0);
  expect(readFileSync(path(WEIGHTS)).equals(FILES[WEIGHTS])).toBe(true);
  const again = await runCli(['models', 'pull', NAME, '--offline'], { env: env() });
  expect(again).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^BAAI\/bge-small-en is here already, in /),
    stderr: '',
  });
});

test('models pull --json prints one array', async () => {
  const { code, stdout } = await runCli(['models', 'pull', NAME, '--json'], { env: env() });
  expect(JSON.parse(stdout)).toEqual([
    { name: NAME, path: join(root, NAME), fetched: expect.arrayContaining([WEIGHTS]), fetchedBytes: 3_050_009 },
  ]);
  expect(code).toBe(0);
});

test('models pull without a name asks for the recommended models, and one that cannot be had ends it with 1', async () => {
  const { code, stderr } = await runCli(['models', 'pull'], { env: env() });
  expect(hub.requests[0]?.path).toBe('/Qwen/Qwen3-0.6B-GGUF/resolve/main/Qwen3-0.6B-Q8_0.gguf');
  expect(stderr).toMatch(
    /^error: 127\.0\.0\.1:\d+ has no Qwen3-0\.6B-Q8_0\.gguf of Qwen\/Qwen3-0\.6B-GGUF \(revision main\)\nhint: See /,
  );
  expect(code).toBe(1);
});

test('a token is sent, and never printed', async () => {
  hub.requiredToken = 'hf_richtig';
  const { code, stdout, stderr } = await runCli(['models', 'pull', NAME, '--log-level', 'debug'], {
    env: env({ HF_TOKEN: 'hf_geheim' }),
  });
  expect(hub.requests[0]?.authorization).toBe('Bearer hf_geheim');
  expect(stderr).toContain('error: 127.0.0.1');
  expect(stdout + stderr).not.toContain('hf_geheim');
  expect(code).toBe(1);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 1],
] as const)('%s ends a download with %d, and keeps what came', async (signal, code) => {
  hub.faults = (request) => (isWeights(request) ? { stallAfter: 1_000_000 } : undefined);
  await using child = startCli(['models', 'pull', NAME], { env: env() });
  await eventually(() => expect(partialSize()).toBe(1_000_000));
  child.kill(signal);
  expect((await child.exited).code).toBe(code);
  expect(child.stderr()).toMatch(/\nStopped\. What was fetched is kept, and the same command goes on with it\.\n$/);
  expect(child.stdout()).toBe('');
  expect(partialSize()).toBe(1_000_000);
  expect(readdirSync(join(root, NAME))).not.toContain('.pull.lock');
});

test('killed halfway it leaves what came, and the next one goes on with it at once', async () => {
  hub.faults = (request) => (isWeights(request) ? { stallAfter: 1_000_000 } : undefined);
  await using child = startCli(['models', 'pull', NAME], { env: env() });
  await eventually(() => expect(partialSize()).toBe(1_000_000));
  child.kill('SIGKILL');
  await child.exited;
  expect(readdirSync(join(root, NAME))).toContain('.pull.lock');
  expect(partialSize()).toBe(1_000_000);
  expect(existsSync(path(WEIGHTS))).toBe(false);
  hub.faults = () => undefined;
  expect(await runCli(['models', 'pull', NAME], { env: env() })).toMatchObject({ code: 0 });
  expect(hub.requests.filter(isWeights).at(-1)?.range).toBe('bytes=1000000-');
  expect(readFileSync(path(WEIGHTS)).equals(FILES[WEIGHTS])).toBe(true);
  expect(partials()).toEqual([]);
  expect(readdirSync(join(root, NAME))).not.toContain('.pull.lock');
});

test('two that fetch the same model at once fetch it once', async () => {
  hub.faults = (request) => (isWeights(request) ? { stallAfter: 1_000_000 } : undefined);
  await using first = startCli(['models', 'pull', NAME], { env: env() });
  await hub.seen(isWeights);
  await using second = startCli(['models', 'pull', NAME], { env: env() });
  await second.waitForLine(new RegExp(`^  process ${first.pid} on .* fetches ${NAME} already; waiting for it$`));
  hub.resume();
  expect((await first.exited).code).toBe(0);
  expect((await second.exited).code).toBe(0);
  expect(second.stdout()).toMatch(/is here already/);
  expect(hub.requests.filter(isWeights)).toHaveLength(1);
});

/** As if the model had been copied here. */
function putFiles(): void {
  for (const [file, bytes] of Object.entries(FILES)) {
    mkdirSync(path(`${file}/..`), { recursive: true });
    writeFileSync(path(file), bytes);
  }
}

test('models path prints the folder of all, and of one that is here', async () => {
  const { code, stdout, stderr } = await runCli(['models', 'path', NAME], { env: env() });
  expect(stderr).toBe(
    `error: Model "${NAME}" is not here: its files are not downloaded\nhint: Run: lamplighter models pull ${NAME}\n`,
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect((await runCli(['models', 'path', '--model-dir', '/somewhere'], { env: env() })).stdout).toBe('/somewhere\n');
  putFiles();
  expect((await runCli(['models', 'path', NAME], { env: env() })).stdout).toBe(`${join(root, NAME)}\n`);
});

test('models list says which models are here, for people and as JSON', async () => {
  putFiles();
  const list = await runCli(['models', 'list'], { env: env() });
  expect(list.stdout).toMatch(/^BAAI\/bge-small-en +embed +384 +134 MB +MIT +yes$/m);
  expect(list.stdout.match(/ yes$/gm)).toHaveLength(1);
  const json = JSON.parse((await runCli(['models', 'list', '--json'], { env: env() })).stdout);
  expect(json).toHaveLength(LOCAL_MODELS.length);
  expect(json.filter((model: { isDownloaded: boolean }) => model.isDownloaded)).toMatchObject([
    { name: NAME, path: join(root, NAME), dimensions: 384, repo: 'Xenova/bge-small-en-v1.5' },
  ]);
});

test.each([
  [
    ['models', 'pull', NAME, 'BAAI/bge-smal-en'],
    /^error: Model "BAAI\/bge-smal-en" not found \(did you mean "BAAI\/bge-small-en"\?\)\. Known models: /,
  ],
  [['models', 'pull', NAME, '--update', '--offline'], /^error: --update and --offline exclude each other\n$/],
  [['models', 'pul'], /^error: unknown command 'pul' \(did you mean pull\?\)\nhint: "lamplighter models --help" /],
  [['models'], /^Usage: lamplighter models <command>/],
])('%j is bad usage', async (args, message) => {
  const { code, stdout, stderr } = await runCli(args, { env: env() });
  expect(stderr).toMatch(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(hub.requests).toEqual([]);
});

test('every flag has an environment name', async () => {
  const { code, stderr } = await runCli(['models', 'pull', NAME], { env: env({ LAMPLIGHTER_OFFLINE: 'true' }) });
  expect(stderr).toMatch(/^error: Model "BAAI\/bge-small-en" lacks .*, and offline nothing is fetched\nhint: /);
  expect(code).toBe(1);
});

test('show-models lists every documented name in the documented form', async () => {
  putFiles();
  const { LAMPLIGHTER_MODEL_DIR: folder = '', ...others } = env();
  const options = { env: others, entry: 'src/cli/lantern-cli.ts' };
  const { code, stdout } = await runCli(['show-models', '-d', folder], options);
  const lines = stdout.trimEnd().split('\n');
  for (const line of lines) expect(line).toMatch(/^[\w./-]+ - type: (textual|visual), downloaded: (true|false)$/);
  expect(lines).toContain('builtin/lexical - type: textual, downloaded: true');
  expect(lines).toContain('BAAI/bge-small-en - type: textual, downloaded: true');
  expect(lines).toContain('microsoft/all-MiniLM-L12-v2 - type: textual, downloaded: false');
  expect(lines).toContain('clip/ViT-B-32-visual - type: visual, downloaded: false');
  expect(lines.length).toBe(LOCAL_MODELS.length + 1);
  expect(code).toBe(0);
});

test('show-runtimes lists the runtimes, one a line', async () => {
  const { code, stdout } = await runCli(['show-runtimes'], { env: env(), entry: 'src/cli/lantern-cli.ts' });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${RUNTIMES.join('\n')}\n` });
});
