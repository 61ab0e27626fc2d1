import { describe, expect, it } from 'vitest';
import { createCohereProvider } from './cohere-provider.ts';
import { createOpenAiProvider } from './openai-provider.ts';

const key = 'sk-0123456789abcdef';
const openai = (env: Record<string, string> = {}) => createOpenAiProvider({ env });
const cohere = (env: Record<string, string> = {}) => createCohereProvider({ env });

describe('without a key', () => {
  it('the providers’ own servers are not loadable, and the hint names both variables', async () => {
    expect(await openai().describe({ name: 'openai/gpt-5' })).toMatchObject({
      state: 'not_loadable',
      reason: 'OPENAI_API_KEY is not set',
      hint: 'Set OPENAI_API_KEY, or OPENAI_BASE_URL to a server of your own.',
    });
    expect(await cohere().describe({ name: 'cohere/embed-v4.0' })).toMatchObject({
      state: 'not_loadable',
      reason: 'COHERE_API_KEY is not set',
    });
  });

  it('a server of the user’s own is loadable, and may serve everything', async () => {
    const description = await openai({ OPENAI_BASE_URL: 'http://localhost:8000/v1' }).describe({
      name: 'openai/BAAI/bge-m3',
    });
    expect(description).toMatchObject({ state: 'loadable', name: 'openai/BAAI/bge-m3' });
    expect(description?.card.functions).toEqual([
      'generate',
      'embed',
      'generate_json',
      'generate_regex',
      'generate_choice',
      'rerank',
    ]);
  });
});

describe('a name', () => {
  it.each([
    'openai/',
    'openai',
    'openai/ x',
    'openai/x\ny',
    `openai/${'x'.repeat(300)}`,
    'cohere/x',
    'builtin/lexical',
  ])('such as %j is none of OpenAI’s', async (name) => {
    expect(await openai({ OPENAI_API_KEY: key }).describe({ name })).toBeUndefined();
  });

  it.each([
    ['openai/text-embedding-3-small', ['embed'], 1536],
    ['openai/text-embedding-3-large', ['embed'], 3072],
    ['openai/gpt-5-mini', ['generate', 'generate_json', 'generate_regex', 'generate_choice'], undefined],
    ['cohere/embed-v4.0', ['embed'], 1536],
    ['cohere/embed-english-light-v3.0', ['embed'], 384],
    ['cohere/rerank-v3.5', ['rerank'], undefined],
    ['cohere/command-a-03-2025', ['generate', 'generate_json', 'generate_regex', 'generate_choice'], undefined],
  ])('%s tells what it serves, with the length of its vectors', async (name, functions, dimensions) => {
    const provider = name.startsWith('openai/') ? openai({ OPENAI_API_KEY: key }) : cohere({ COHERE_API_KEY: key });
    const description = await provider.describe({ name });
    expect(description).toMatchObject({ state: 'loadable', card: { functions, isDownloaded: true } });
    expect(description?.card.dimensions).toBe(dimensions);
  });
});

describe('a selection', () => {
  it.each([
    ['openai/text-embedding-3-small', 512, undefined],
    ['openai/text-embedding-3-small', 2048, 'it gives at most 1536 dimensions, not 2048'],
    ['openai/text-embedding-ada-002', 512, 'it gives 1536 dimensions, not 512'],
    ['cohere/embed-v4.0', 256, undefined],
    ['cohere/embed-v4.0', 300, 'it gives 1536, 1024, 512, 256 dimensions, not 300'],
  ])('of %s with %i dimensions', async (name, dimensions, reason) => {
    const provider = name.startsWith('openai/') ? openai({ OPENAI_API_KEY: key }) : cohere({ COHERE_API_KEY: key });
    const description = await provider.describe({ name, dimensions });
    expect(description).toMatchObject(
      reason === undefined ? { state: 'loadable', card: { dimensions } } : { state: 'not_loadable', reason },
    );
  });

  it('with an input type is loadable where the server knows such', async () => {
    const selection = { name: 'openai/x', inputType: 'query' };
    expect(await openai({ OPENAI_API_KEY: key }).describe(selection)).toMatchObject({ state: 'not_loadable' });
    expect(await openai({ OPENAI_BASE_URL: 'http://h' }).describe(selection)).toMatchObject({ state: 'loadable' });
    const cohereModel = { name: 'cohere/embed-v4.0' };
    expect(await cohere({ COHERE_API_KEY: key }).describe({ ...cohereModel, inputType: 'query' })).toMatchObject({
      state: 'not_loadable',
      reason: 'input_type must be one of search_document, search_query, classification, clustering',
    });
    expect(await cohere({ COHERE_API_KEY: key }).describe({ ...cohereModel, inputType: 'search_query' })).toMatchObject(
      { state: 'loadable' },
    );
  });
});

describe('the environment', () => {
  it.each([
    [{ OPENAI_BASE_URL: 'localhost:8000' }, 'OPENAI_BASE_URL is not an http or https URL'],
    [{ OPENAI_BASE_URL: 'file:///etc/passwd' }, 'OPENAI_BASE_URL is not an http or https URL'],
    [
      { OPENAI_BASE_URL: 'http://h', LAMPLIGHTER_OPENAI_SERVER: 'vlm' },
      'LAMPLIGHTER_OPENAI_SERVER is "vlm", which is none of openai, vllm',
    ],
    [
      { OPENAI_BASE_URL: 'http://h', LAMPLIGHTER_OPENAI_API: 'text' },
      'LAMPLIGHTER_OPENAI_API is "text", which is none of chat, completions',
    ],
  ])('%j is not usable, and the reason says why', async (env: Record<string, string>, reason) => {
    expect(await openai(env).describe({ name: 'openai/x' })).toMatchObject({
      state: 'not_loadable',
      reason: expect.stringContaining(reason),
    });
  });
});
