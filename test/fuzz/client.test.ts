import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { createClient } from '../../src/client/create-client.ts';
import { ERROR_CODES, isLamplighterError } from '../../src/core/errors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { firstValue } from '../support/requests.ts';
import { planFuzz } from './fuzz.ts';
import { anyText, isStorable } from './hostile-text.ts';

const PASSWORD = 'geheim-8472';

let db: TestDatabase;
let client: Client;
/** Requests in final states, and one that no worker will ever answer. */
let ids: string[];

beforeAll(async () => {
  db = await createTestDatabase();
  const role = await db.createRole('caller');
  await db.pool.query(`alter role ${role.name} password '${PASSWORD}'`);
  await db.pool.query(`select lamplighter.grant_caller($1)`, [role.name]);
  client = createClient({ uri: db.uriFor(role.name, PASSWORD) });
  ids = [];
  for (const [status, functionName, result] of [
    ['completed', 'embed', '[0.6,0.8]'],
    ['completed', 'embed', 'spoilt'],
    ['completed', 'rerank', '[["a", 0.5]]'],
    ['completed', 'rerank', '[1]'],
    ['completed', 'generate_json', '{"a": 1}'],
    ['completed', 'generate', null],
    ['failed', 'generate', null],
    ['cancelled', 'generate', null],
    ['pending', 'generate', null],
  ]) {
    const sql = `insert into public.steadytext_queue (username, status, function_name, result, error, model)
      values ($1, $2, $3, $4, 'because', 'nobody/serves-this') returning request_id`;
    ids.push(await firstValue(db.pool, sql, [role.name, status, functionName, result]));
  }
});
afterAll(async () => {
  await client?.close();
  await db?.[Symbol.asyncDispose]();
});

/** Rarely what the types say: callers in JavaScript can pass anything. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withNullPrototype: true,
  withMap: true,
  withObjectString: true,
  maxDepth: 2,
});
const CIRCULAR: Record<string, unknown> = { name: 'circular' };
CIRCULAR['self'] = CIRCULAR;
const strange = fc.oneof(
  anything,
  fc.constantFrom<unknown>(CIRCULAR, Symbol('s'), () => 'function', Number.NaN, 2 ** 53, -0, new Proxy({}, {})),
);

const or = <Value>(arbitrary: fc.Arbitrary<Value>, weight = 40): fc.Arbitrary<unknown> =>
  fc.oneof({ weight, arbitrary }, { weight: 1, arbitrary: strange });

const OPTIONS = {
  useCache: or(fc.boolean()),
  priority: or(fc.constantFrom(0, 1, 5, 10, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, Number.NaN)),
  model: or(anyText),
  seed: or(fc.constantFrom(0, 1, 7, 42, 2 ** 31 - 1, -1, 0.5)),
  maxTokens: or(fc.constantFrom(1, 64, 512, 4_096, 4_097, 1e21)),
};
const generateOptions = or(fc.record(OPTIONS, { requiredKeys: [] }));
const { seed: _seed, maxTokens: _maxTokens, ...EMBED_OPTIONS } = OPTIONS;
const embedOptions = fc.oneof(
  { weight: 9, arbitrary: or(fc.record(EMBED_OPTIONS, { requiredKeys: [] })) },
  generateOptions,
);
const texts = or(fc.array(or(anyText, 100), { maxLength: 4 }));
const requestId = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8).map((at) => () => ids[at]) },
  { weight: 2, arbitrary: fc.uuid().map((id) => () => id) },
  { weight: 1, arbitrary: anyText.map((text) => () => text) },
  { weight: 1, arbitrary: strange.map((value) => () => value) },
);
const waitOptions = or(
  fc.record(
    {
      timeoutMs: or(fc.constantFrom(0, 1, 20, -1, Number.NaN, Number.POSITIVE_INFINITY, 0.5)),
      signal: fc.constantFrom(undefined, AbortSignal.abort(), AbortSignal.abort('reason')),
    },
    { requiredKeys: ['timeoutMs'] },
  ),
  30,
);

type Call = { readonly method: string; readonly args: readonly unknown[] };

const call: fc.Arbitrary<Call> = fc.oneof(
  ...Object.entries({
    generate: [or(anyText), generateOptions],
    embed: [or(anyText), embedOptions],
    generateJson: [
      or(fc.record({ prompt: or(anyText), schema: or(fc.oneof(fc.boolean(), fc.dictionary(anyText, anyText))) })),
      generateOptions,
    ],
    generateRegex: [or(fc.record({ prompt: or(anyText), pattern: or(anyText) })), generateOptions],
    generateChoice: [or(fc.record({ prompt: or(anyText), choices: texts })), generateOptions],
    generateBatch: [texts, generateOptions],
    embedBatch: [texts, embedOptions],
    rerank: [or(fc.record({ query: or(anyText), documents: texts, task: or(anyText) })), embedOptions],
    wait: [requestId, waitOptions],
    check: [requestId],
    checkBatch: [or(fc.array(requestId, { maxLength: 4 }))],
    cancel: [requestId],
    retry: [requestId],
  }).map(([method, args]) => fc.tuple(...args).map((values): Call => ({ method, args: values }))),
);

const fuzz = planFuzz('client', ['queued', 'answered', 'refused']);

test(`any arguments are refused with a code of ours, or kept as they are ${fuzz.title}`, {
  timeout: fuzz.timeoutMs,
}, async () => {
  await fuzz.run(call, async ({ method, args }) => {
    const given = args.map(resolve);
    let answer: unknown;
    try {
      answer = await Reflect.apply(Reflect.get(client, method), client, given);
    } catch (error) {
      fuzz.count('refused');
      expect(isLamplighterError(error) ? error.code : error).toSatisfy((code) => ERROR_CODES.includes(code));
      const told = `${String(error)} ${isLamplighterError(error) ? error.hint : ''}`;
      expect(told).not.toContain(PASSWORD);
      expect(told.length).toBeLessThan(1_000);
      return;
    }
    fuzz.count(/^(generate|embed|rerank)/.test(method) ? 'queued' : 'answered');
    if (method.startsWith('generate') || method.startsWith('embed') || method === 'rerank') {
      const queued = [answer].flat().map(String);
      await expectKept(queued, given[0]);
      await client.cancel(queued[0] ?? '');
    }
  });
  expect(await client.embed('still at work')).toMatch(/^[0-9a-f-]{36}$/);
});

/** Ids are known when the test runs, not when cases are drawn. */
function resolve(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolve);
  return typeof value === 'function' && value.length === 0 ? value() : value;
}

/** Every text that was accepted stands in the row as it was given. */
async function expectKept(queued: readonly string[], given: unknown): Promise<void> {
  const { rows } = await db.pool.query<{ parameters: Record<string, unknown> }>(
    `select q.parameters from unnest($1::uuid[]) with ordinality as u (request_id, n)
     join public.steadytext_queue as q using (request_id) order by u.n`,
    [queued],
  );
  expect(rows).toHaveLength(queued.length);
  const kept = rows.flatMap(({ parameters }) => Object.values(parameters).flat());
  const texts = [given, typeof given === 'object' && given !== null ? Object.values(given) : []].flat(3);
  for (const text of texts) {
    if (typeof text !== 'string') continue;
    expect(isStorable(text)).toBe(true);
    expect(kept).toContain(text);
  }
}
