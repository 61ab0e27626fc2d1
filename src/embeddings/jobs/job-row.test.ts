import { describe, expect, test } from 'vitest';
import { parseKeyColumns } from '../table/key-columns.ts';
import { fingerprintOf, type JobTexts, parseJobRow } from './job-row.ts';

const ROW: JobTexts = {
  id: '1',
  table: 'articles',
  src_column: 'body',
  dst_column: 'embedding',
  embedding_model: 'builtin/lexical',
};

const specOf = (texts: JobTexts) => parseJobRow({ ...ROW, ...texts }).spec;
const problemOf = (texts: JobTexts) => {
  const spec = specOf(texts);
  return 'problem' in spec ? spec.problem : undefined;
};

test('a row with the documented columns only has defaults for the rest', () => {
  expect(parseJobRow({ ...ROW, schema: null, db_connection: null })).toEqual({
    id: '1',
    label: undefined,
    marks: { isCanceled: false, isStarted: false, isFinished: false, isFailed: false, failureReason: undefined },
    spec: {
      connection: undefined,
      schema: 'public',
      table: 'articles',
      srcColumn: 'body',
      dstColumn: 'embedding',
      pk: undefined,
      columnType: 'REAL[]',
      model: { name: 'builtin/lexical' },
      batchSize: undefined,
      maxRowsPerSecond: undefined,
    },
  });
});

describe('what cannot be done is said', () => {
  test.each<[JobTexts, RegExp]>([
    [{ dst_column: 'ä'.repeat(32) }, /^dst_column is longer than 63 bytes/],
    [{ table: null }, /^table is not set$/],
    [{ embedding_model: '' }, /^embedding_model is not set$/],
    [{ src_column: 'embedding' }, /same column/],
    [{ column_type: 'text); drop table articles; --' }, /^column_type must be/],
    [{ pk: 'a,,b' }, /^pk must be/],
    [{ pk: 'a,"b' }, /^pk must be/],
    [{ pk: 'a,a' }, /twice/],
    [{ batch_size: '0' }, /^batch_size must be/],
    [{ batch_size: '1e9' }, /^batch_size must be/],
    [{ max_rows_per_second: '-1' }, /^max_rows_per_second must be/],
    [{ job_type: 'autotune' }, /^job_type is "autotune", and this daemon generates embeddings only$/],
    [{ dst_table: 'a.b.c' }, /^dst_table must be the name of a table/],
    [{ dst_table: '"a' }, /^dst_table must be the name of a table/],
    [{ chunk_size: '100' }, /^chunk_size is set, and dst_table is not/],
    [{ chunk_overlap: '0' }, /^chunk_overlap is set, and dst_table is not/],
    [{ dst_table: 'chunks', chunk_size: '0' }, /^chunk_size must be a whole number of tokens above 0$/],
    [{ dst_table: 'chunks', chunk_overlap: '-1' }, /^chunk_overlap must be a whole number of tokens/],
    [
      { dst_table: 'chunks', chunk_size: '100', chunk_overlap: '51' },
      /^chunk_overlap must be at most half of chunk_size \(100\)$/,
    ],
    [{ runtime_params: '[1]' }, /^runtime_params must be a JSON object$/],
    [{ runtime_params: '{"dimensions": "x"}' }, /^dimensions in runtime_params/],
  ])('%j', (texts, message) => {
    expect(problemOf(texts)).toMatch(message);
  });

  test.each(['api_token', 'api_key', 'apiKey', 'secret', 'Authorization'])('a key in runtime_params: %s', (name) => {
    const problem = problemOf({ runtime_params: JSON.stringify({ [name]: 'sk-123' }) });
    expect(problem).toMatch(/keys do not belong there; set OPENAI_API_KEY or COHERE_API_KEY/);
    expect(problem).not.toContain('sk-123');
  });

  test.each(['base_url', 'data_path', 'host', 'proxy'])('a place in runtime_params: %s', (name) => {
    expect(problemOf({ runtime_params: JSON.stringify({ [name]: 'http://169.254.169.254' }) })).toMatch(
      /files and servers are not named there/,
    );
  });
});

describe('the model', () => {
  test.each<[JobTexts, object]>([
    [
      { runtime: 'openai', embedding_model: 'text-embedding-3-small' },
      { name: 'openai/text-embedding-3-small', runtime: 'openai' },
    ],
    [
      { runtime: 'openai', embedding_model: 'openai/x' },
      { name: 'openai/x', runtime: 'openai' },
    ],
    [
      { runtime: 'ort', embedding_model: 'BAAI/bge-m3' },
      { name: 'BAAI/bge-m3', runtime: 'ort' },
    ],
    [
      { runtime_params: '{"dimensions": 256, "input_type": "search_query", "max_tokens": 5}' },
      { name: 'builtin/lexical', dimensions: 256, inputType: 'search_query' },
    ],
  ])('%j', (texts, model) => {
    expect(specOf(texts)).toMatchObject({ model });
  });
});

test.each<[string, readonly string[]]>([
  ['id', ['id']],
  [' a , b ', ['a', 'b']],
  ['"a,b", "c""d",E', ['a,b', 'c"d', 'E']],
])('pk %s', (pk, columns) => {
  expect(specOf({ pk })).toMatchObject({ pk });
  expect(parseKeyColumns(pk)).toEqual(columns);
});

test.each(['real[]', 'REAL []', 'real[384]', 'float4[]', 'vector(384)', 'halfvec(3072)', 'vector'])(
  'column_type %s',
  (columnType) => {
    expect(specOf({ column_type: columnType })).toMatchObject({ columnType });
  },
);

test.each([
  'schema',
  'pk',
  'filter_column',
  'dst_table',
  'chunk_size',
  'column_type',
  'index',
  'runtime',
  'runtime_params',
  'batch_size',
  'job_type',
])('an empty %s is as good as none', (column) => {
  expect(parseJobRow({ ...ROW, [column]: '' })).toEqual(parseJobRow(ROW));
});

test.each(['embedding_generation', 'Embedding Generation', 'embedding'])('job_type %s is done', (job_type) => {
  expect(problemOf({ job_type })).toBeUndefined();
});

test('what a job asks for can be compared, and its marks are no part of it', () => {
  const [before, marked, other] = [{}, { init_progress: '50', label: 'x' }, { embedding_model: 'x' }].map((texts) => {
    const spec = specOf(texts);
    if ('problem' in spec) throw new Error(spec.problem);
    return fingerprintOf(spec);
  });
  expect(marked).toBe(before);
  expect(other).not.toBe(before);
});

test.each<[string, { schema: string; table: string }]>([
  ['chunks', { schema: 'app', table: 'chunks' }],
  ['other.chunks', { schema: 'other', table: 'chunks' }],
  ['"my.chunks"', { schema: 'app', table: 'my.chunks' }],
  ['"My ""own"" schema"."T.1"', { schema: 'My "own" schema', table: 'T.1' }],
  ['Chunks; drop table x', { schema: 'app', table: 'Chunks; drop table x' }],
])('dst_table %s is a name, in the schema of the job unless it says another', (text, named) => {
  expect(specOf({ schema: 'app', dst_table: text, chunk_overlap: '8', chunk_size: '64' })).toMatchObject({
    chunks: { ...named, size: 64, overlap: 8 },
  });
});

test('with a table of chunks, the vector may have the name of the source', () => {
  expect(specOf({ dst_table: 'chunks', src_column: 'embedding' })).toMatchObject({
    chunks: { size: undefined, overlap: 0 },
  });
});
