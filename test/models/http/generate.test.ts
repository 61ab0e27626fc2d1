import { describe, expect, it } from 'vitest';
import type { ServerKind } from '../../../src/models/http/server/server-facts.ts';
import { parseJson } from '../../../src/models/json/json-text.ts';
import type { JsonSchema } from '../../../src/models/json-value.ts';
import type { GenerateOutput } from '../../../src/models/port.ts';
import { chatAnswer, type StubHandler } from './stub-server.ts';
import { generateItem, never, setUp } from './support.ts';

const plain = generateItem({ kind: 'plain' });
const choice = generateItem({ kind: 'choice', choices: ['yes', 'no "way"'] });
const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false };
const json = generateItem({ kind: 'json', schema });
const regex = generateItem({ kind: 'regex', pattern: '[a-c]{3}' });

const refuse = (message: string, param?: string, status = 400) => ({ status, json: { error: { message, param } } });
const server = (kind: ServerKind) => ({ env: { LAMPLIGHTER_OPENAI_SERVER: kind } });

describe('a plain text', () => {
  it('is asked for at temperature 0 with the seed and the limit', async () => {
    const stub = await setUp(() => chatAnswer('hello'));
    expect(await stub.model.generate([plain], never)).toEqual([{ ok: true, value: 'hello' }]);
    expect(stub.server.requests).toMatchObject([{ path: '/v1/chat/completions' }]);
    expect(stub.server.requests[0]?.body).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'Say something' }],
      max_tokens: 50,
      temperature: 0,
      seed: 42,
      stream: false,
    });
  });

  it('may be cut off by max_tokens', async () => {
    const { model } = await setUp(() => chatAnswer('hel', 'length'));
    expect(await model.generate([plain], never)).toEqual([{ ok: true, value: 'hel' }]);
  });

  it('that was cut off before it began has failed', async () => {
    const { model } = await setUp(() => ({
      json: { choices: [{ message: { content: null }, finish_reason: 'length' }] },
    }));
    expect(await model.generate([plain], never)).toMatchObject([
      { error: { kind: 'failed', message: 'Output was cut off at max_tokens (50) before the answer began' } },
    ]);
  });

  it.each<['openai' | 'cohere', unknown]>([
    ['openai', { choices: [{ message: { content: 'half an ans' }, finish_reason: 'error' }] }],
    ['openai', { choices: [{ message: { content: null }, finish_reason: 'abort' }] }],
    ['cohere', { message: { content: [{ type: 'text', text: 'half an ans' }] }, finish_reason: 'ERROR' }],
    ['cohere', { message: {}, finish_reason: 'TIMEOUT' }],
  ])('that the server broke off is none, and nobody is charged: %s %j', async (runtime, answer) => {
    const { model } = await setUp(() => ({ json: answer }), { runtime });
    expect(await model.generate([plain], never)).toMatchObject([
      { error: { kind: 'unavailable', message: expect.stringMatching(/ broke its answer off$/) } },
    ]);
  });

  it('comes without what the model thought before, and a thought alone is no answer', async () => {
    const asked = [
      ['<think>\nHm.\n</think>\n\nhello', 'stop'],
      ['hello <think> and more', 'stop'],
      ['<think>Hm', 'length'],
      ['<think>Hm</think>', 'length'],
      ['<think>Hm', 'stop'],
    ] as const;
    const outcomes = [];
    for (const [text, finish] of asked) {
      const { model } = await setUp(() => chatAnswer(text, finish));
      outcomes.push(...(await model.generate([plain], never)));
    }
    expect(outcomes).toMatchObject([
      { ok: true, value: 'hello' },
      { ok: true, value: 'hello <think> and more' },
      { error: { message: expect.stringContaining('before the answer began') } },
      { error: { message: expect.stringContaining('before the answer began') } },
      { error: { message: 'The answer is a thought without an end' } },
    ]);
  });

  it('that was broken off is none in plain completion either', async () => {
    const { model } = await setUp(() => ({ json: { choices: [{ text: 'half an ans', finish_reason: 'error' }] } }), {
      env: { LAMPLIGHTER_OPENAI_API: 'completions' },
    });
    expect(await model.generate([plain], never)).toMatchObject([{ error: { kind: 'unavailable' } }]);
  });

  it.each([
    [{ message: { content: null, refusal: 'I will not' }, finish_reason: 'stop' }, 'I will not'],
    [{ message: { content: 'x' }, finish_reason: 'content_filter' }, 'content filter'],
  ])('that is refused has failed with the reason', async (answer, reason) => {
    const { model } = await setUp(() => ({ json: { choices: [answer] } }));
    expect(await model.generate([plain], never)).toMatchObject([
      { error: { kind: 'failed', message: expect.stringContaining(reason) } },
    ]);
  });

  it.each([
    [
      'max_tokens',
      "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
      'max_completion_tokens',
    ],
    ['temperature', 'this model supports only the default temperature', undefined],
    ['seed', 'Extra inputs are not permitted', undefined],
  ])('is asked for without %s from a server that refuses it, once and for all', async (field, message, instead) => {
    const { model, server: stub } = await setUp(({ body }) =>
      field in body ? refuse(message, field) : chatAnswer('hi'),
    );
    expect(await model.generate([plain], never)).toMatchObject([{ ok: true }]);
    expect(await model.generate([plain], never)).toMatchObject([{ ok: true }]);
    expect(stub.requests).toHaveLength(3);
    if (instead !== undefined) expect(stub.requests[2]?.body[instead]).toBe(50);
  });

  it('is asked for with max_completion_tokens first from OpenAI', async () => {
    const { model, server: stub } = await setUp(() => chatAnswer('hi'), server('openai'));
    await model.generate([plain], never);
    expect(stub.requests[0]?.body).toMatchObject({ max_completion_tokens: 50 });
    expect(stub.requests[0]?.body).not.toHaveProperty('max_tokens');
  });

  it.each([
    ['has no chat template', refuse('default chat template is no longer allowed')],
    ['has no chat address', { status: 404, json: {} }],
    ['says that it is not a chat model', refuse('This is not a chat model', 'model', 404)],
  ])('is completed by a model that %s', async (_what, refusal) => {
    const handler: StubHandler = ({ path, body }) =>
      path === '/v1/completions'
        ? { json: { choices: [{ text: `${body.prompt}!`, finish_reason: 'stop' }] } }
        : refusal;
    const { model, server: stub } = await setUp(handler);
    expect(await model.generate([plain], never)).toEqual([{ ok: true, value: 'Say something!' }]);
    await model.generate([plain], never);
    expect(stub.requests.map(({ path }) => path).slice(1)).toEqual(['/v1/completions', '/v1/completions']);
  });

  it('of a model that is not there waits with the server’s words', async () => {
    const { model, server: stub } = await setUp(() => refuse('The model `m` does not exist', 'model', 404));
    expect(await model.generate([plain], never)).toMatchObject([
      { error: { kind: 'unavailable', message: expect.stringContaining('The model `m` does not exist') } },
    ]);
    expect(stub.requests).toHaveLength(1);
  });

  it('comes from Cohere’s chat, without its thoughts', async () => {
    const content = [
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'hello' },
    ];
    const { model, server: stub } = await setUp(() => ({ json: { message: { content }, finish_reason: 'COMPLETE' } }), {
      runtime: 'cohere',
    });
    expect(await model.generate([plain], never)).toEqual([{ ok: true, value: 'hello' }]);
    expect(stub.requests[0]).toMatchObject({ path: '/v2/chat', body: { max_tokens: 50, seed: 42, temperature: 0 } });
  });
});

describe('an output is held to', () => {
  const answers: Readonly<Record<Exclude<GenerateOutput['kind'], 'plain'>, string>> = {
    json: '{"a": 1}',
    choice: 'no "way"',
    regex: 'abc',
  };

  it.each(['llama-server', 'llama-cpp-python'] as const)('by the grammar on %s', async (kind) => {
    for (const item of [json, choice, regex]) {
      const text = answers[item.output.kind as 'json'];
      const { model, server: stub } = await setUp(() => chatAnswer(text), server(kind));
      expect(await model.generate([item], never)).toEqual([{ ok: true, value: text }]);
      expect(stub.requests[0]?.body.grammar).toContain('root ::=');
      expect(stub.requests[0]?.body.messages).toEqual([{ role: 'user', content: 'Say something' }]);
    }
  });

  it.each([
    ['0.12.1', (key: string, value: unknown) => ({ structured_outputs: { [key]: value } })],
    ['0.11.0', (key: string, value: unknown) => ({ [`guided_${key}`]: value })],
    [undefined, (key: string, value: unknown) => ({ structured_outputs: { [key]: value } })],
  ])('by fields of its own on vLLM %s', async (version, fields) => {
    const detect: StubHandler = ({ path }) => {
      if (path === '/v1/models') return { json: { data: [{ id: 'm', owned_by: 'vllm' }] } };
      return path === '/version' && version !== undefined ? { json: { version } } : { status: 404, json: {} };
    };
    for (const [item, key, value] of [
      [json, 'json', schema],
      [choice, 'choice', ['yes', 'no "way"']],
      [regex, 'regex', '[a-c]{3}'],
    ] as const) {
      const text = answers[item.output.kind as 'json'];
      const { model, server: stub } = await setUp(() => chatAnswer(text), {
        env: { LAMPLIGHTER_OPENAI_SERVER: undefined },
        detect,
      });
      expect(await model.generate([item], never)).toEqual([{ ok: true, value: text }]);
      expect(stub.requests[0]?.body).toMatchObject(fields(key, value));
    }
  });

  it('by a strict schema on OpenAI, where its subset has it', async () => {
    const { model, server: stub } = await setUp(() => chatAnswer('{"a": 1}'), server('openai'));
    expect(await model.generate([json], never)).toEqual([{ ok: true, value: '{"a": 1}' }]);
    expect(stub.requests[0]?.body.response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'answer', strict: true, schema },
    });
  });

  it('by words and a check on OpenAI, where its subset lacks it', async () => {
    const loose = generateItem({ kind: 'json', schema: { type: 'object', properties: { a: { type: 'integer' } } } });
    const { model, server: stub } = await setUp(() => chatAnswer('{"a": 1}'), server('openai'));
    expect(await model.generate([loose], never)).toEqual([{ ok: true, value: '{"a": 1}' }]);
    expect(stub.requests[0]?.body.response_format).toEqual({ type: 'json_object' });
    expect(stub.requests[0]?.body.messages[0]?.content).toContain('JSON Schema');
  });

  it.each([
    ['choice', choice, 'no "way"'],
    ['regex', regex, 'abc'],
  ])('as the member of an object on OpenAI, for a %s', async (_kind, item, answer) => {
    const { model, server: stub } = await setUp(() => chatAnswer(JSON.stringify({ answer })), server('openai'));
    expect(await model.generate([item], never)).toEqual([{ ok: true, value: answer }]);
    expect(stub.requests[0]?.body.response_format.json_schema).toMatchObject({
      strict: true,
      schema: { required: ['answer'] },
    });
  });

  it('by a schema and words on others, whatever they make of it', async () => {
    for (const text of ['{"answer": "yes"}', 'yes', ' yes\n', '"yes"', '```\nyes\n```', '<think>no?</think>\n\nyes']) {
      const { model } = await setUp(() => chatAnswer(text), server('ollama'));
      expect(await model.generate([choice], never)).toEqual([{ ok: true, value: 'yes' }]);
    }
  });

  it('by Cohere’s response format', async () => {
    const { model, server: stub } = await setUp(
      () => ({ json: { message: { content: [{ type: 'text', text: '{"a": 1}' }] }, finish_reason: 'COMPLETE' } }),
      { runtime: 'cohere' },
    );
    expect(await model.generate([json], never)).toEqual([{ ok: true, value: '{"a": 1}' }]);
    expect(stub.requests[0]?.body.response_format).toEqual({ type: 'json_object', json_schema: schema });
  });

  it('by a schema with all digits of its numbers, in the field and in words', async () => {
    const exact = parseJson('{"enum": [1181234567890123456, 1181234567890123457]}') as JsonSchema;
    const stub = await setUp(() => chatAnswer('1181234567890123457'));
    const asked = generateItem({ kind: 'json', schema: exact });
    expect(await stub.model.generate([asked], never)).toEqual([{ ok: true, value: '1181234567890123457' }]);
    const { text, body } = stub.server.requests[0] ?? {};
    expect(text).toContain('"schema":{"enum":[1181234567890123456,1181234567890123457]}');
    expect(body?.messages[0]?.content).toContain('{"enum":[1181234567890123456,1181234567890123457]}');
  });

  it('by properties in the order in which they are to be written, in every field and in words', async () => {
    const ordered = {
      type: 'object',
      properties: { answer: {}, reasoning: {}, '1': {} },
      required: ['reasoning', '1'],
      propertyOrdering: ['answer'],
    };
    const inOrder = '"properties":{"reasoning":{},"1":{},"answer":{}},"required":["reasoning","1"]}';
    for (const kind of ['ollama', 'vllm', 'openai'] as const) {
      const stub = await setUp(() => chatAnswer('{"reasoning": 1, "1": 2}'), server(kind));
      const asked = generateItem({ kind: 'json', schema: ordered });
      expect(await stub.model.generate([asked], never)).toMatchObject([{ ok: true }]);
      const { text = '' } = stub.server.requests[0] ?? {};
      expect(text.replaceAll('\\"', '"').split(inOrder)).toHaveLength(kind === 'ollama' ? 3 : 2);
    }
  });

  it('in words, once a server has refused the field for it', async () => {
    const { model, server: stub } = await setUp(({ body }) =>
      'response_format' in body ? refuse('response_format is not supported') : chatAnswer('```json\n{"a": 1}\n```'),
    );
    expect(await model.generate([json], never)).toEqual([{ ok: true, value: '{"a": 1}' }]);
    expect(await model.generate([json], never)).toEqual([{ ok: true, value: '{"a": 1}' }]);
    expect(stub.requests).toHaveLength(3);
  });

  it.each(['length', 'model_length'])('never by an answer that was cut off by max_tokens: %s', async (reason) => {
    for (const kind of ['llama-server', 'other'] as const) {
      const { model, server: stub } = await setUp(() => chatAnswer('{"a": 1}', reason), server(kind));
      expect(await model.generate([json], never)).toMatchObject([
        {
          error: {
            kind: 'failed',
            message: 'Output was cut off at max_tokens (50) before the output was complete',
          },
        },
      ]);
      expect(stub.requests).toHaveLength(1);
    }
  });
});

describe('a wrong output', () => {
  it('is asked for again where text in it was lost', async () => {
    const answers = ['{"name":"a\ufffd"}', '{"name":"ab"}'];
    const item = generateItem({ kind: 'json', schema: { type: 'object', required: ['name'] } });
    const { model } = await setUp(() => chatAnswer(answers.shift() ?? ''));
    expect(await model.generate([item], never)).toEqual([{ ok: true, value: '{"name":"ab"}' }]);
  });

  it('is asked for again with another seed and what was wrong', async () => {
    let calls = 0;
    const { model, server: stub } = await setUp(() => chatAnswer(++calls < 3 ? 'perhaps' : 'yes'));
    expect(await model.generate([choice], never)).toEqual([{ ok: true, value: 'yes' }]);
    expect(stub.requests.map(({ body }) => body.seed)).toEqual([42, 43, 44]);
    expect(stub.requests.map(({ body }) => body.temperature)).toEqual([0, 0.7, 0.7]);
    expect(stub.requests[1]?.body.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'perhaps' },
      { role: 'user', content: expect.stringContaining('not what was asked for') },
    ]);
  });

  it('three times has failed clearly', async () => {
    for (const item of [json, choice, regex]) {
      const { model, server: stub } = await setUp(() => chatAnswer('perhaps {'));
      expect(await model.generate([item], never)).toMatchObject([
        { error: { kind: 'failed', message: expect.stringMatching(/gave no valid output in 3 tries: ./) } },
      ]);
      expect(stub.requests).toHaveLength(3);
    }
  });

  it('that can never be made is refused before anything is sent', async () => {
    const { model, server: stub } = await setUp(() => chatAnswer('x'));
    const outcomes = await model.generate([generateItem({ kind: 'regex', pattern: '(?=a)b' })], never);
    expect(outcomes).toMatchObject([{ error: { kind: 'invalid' } }]);
    expect(stub.requests).toEqual([]);
  });
});

it('a grammar that breaks the server is followed by words', async () => {
  const { model } = await setUp(
    ({ body }) => ('grammar' in body ? { status: 500, json: { error: 'failed to parse grammar' } } : chatAnswer('yes')),
    server('llama-server'),
  );
  expect(await model.generate([choice], never)).toEqual([{ ok: true, value: 'yes' }]);
});

it('an outage does not make a server be asked in words from then on', async () => {
  let isDown = true;
  const { model, server: stub } = await setUp(() => (isDown ? { status: 500, json: {} } : chatAnswer('"yes"')));
  expect(await model.generate([choice], never)).toMatchObject([{ error: { kind: 'unavailable' } }]);
  isDown = false;
  await model.generate([choice], never);
  expect(stub.requests.at(-1)?.body).toHaveProperty('response_format');
});
