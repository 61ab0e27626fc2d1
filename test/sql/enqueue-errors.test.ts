import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const PROMPT = 'Prompt cannot be empty';
const TEXT = 'Text input cannot be empty';
const TOKENS = 'max_tokens must be between 1 and 4096';
const SEED = 'Seed must be a non-negative integer';
const SCHEMA = 'Schema must be a JSON object or boolean';
const CHOICES = 'Choices cannot contain nulls, blanks or duplicates';
const TOO_FEW = 'Must provide at least 2 choices';
const DOCUMENTS = 'Documents cannot be empty or contain nulls';
const BATCH = 'Batch cannot be empty';
const PATTERN = 'Pattern cannot be empty';
const QUERY = 'Query cannot be empty';

/** White space as Unicode has it, and the byte order mark. */
const BLANKS = `E' \\t\\n\\r\\u000b\\f\\u0085\\u00a0\\u1680\\u2000\\u2003\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff'`;

test.each([
  ['generate_async(null)', PROMPT],
  [`generate_async('')`, PROMPT],
  [`generate_async(E' \\n\\t ')`, PROMPT],
  [`generate_async(${BLANKS})`, PROMPT],
  [`generate_async('p', 0)`, TOKENS],
  [`generate_async('p', 4097)`, TOKENS],
  [`generate_async('p', -2147483648)`, TOKENS],
  [`generate_async('p', null)`, TOKENS],
  [`generate_async('p', seed => -1)`, SEED],
  ['embed_async(null)', TEXT],
  [`embed_async('  ')`, TEXT],
  [`embed_async(${BLANKS})`, TEXT],
  [`generate_json_async(null, '{}')`, PROMPT],
  [`generate_json_async('p', null)`, 'Schema cannot be null'],
  [`generate_json_async('p', '[]')`, SCHEMA],
  [`generate_json_async('p', '"x"')`, SCHEMA],
  [`generate_json_async('p', '1')`, SCHEMA],
  [`generate_json_async('p', 'null')`, SCHEMA],
  [`generate_json_async('p', '{}', 0)`, TOKENS],
  [`generate_json_async('p', '{}', seed => -5)`, SEED],
  [`generate_regex_async('', 'a')`, PROMPT],
  [`generate_regex_async('p', null)`, PATTERN],
  [`generate_regex_async('p', ${BLANKS})`, PATTERN],
  [`generate_regex_async('p', 'a', 4097)`, TOKENS],
  [`generate_regex_async('p', 'a', seed => -5)`, SEED],
  [`generate_choice_async(' ', array['a', 'b'])`, PROMPT],
  [`generate_choice_async('p', null)`, TOO_FEW],
  [`generate_choice_async('p', array[]::text[])`, TOO_FEW],
  [`generate_choice_async('p', array['a'])`, TOO_FEW],
  [`generate_choice_async('p', array['a', null])`, CHOICES],
  [`generate_choice_async('p', array['a', ' '])`, CHOICES],
  [`generate_choice_async('p', array['a', ${BLANKS}])`, CHOICES],
  [`generate_choice_async('p', array['a', 'b', 'a'])`, CHOICES],
  [`generate_choice_async('p', array['a', 'b'], 0)`, TOKENS],
  [`generate_choice_async('p', array['a', 'b'], seed => -1)`, SEED],
  ['generate_batch_async(null)', BATCH],
  [`generate_batch_async('{}')`, BATCH],
  [`generate_batch_async(array['a', null, ' '])`, `${PROMPT} (position 2)`],
  [`generate_batch_async(array['a', 'b', ${BLANKS}])`, `${PROMPT} (position 3)`],
  [`generate_batch_async(array['a', ''], 0)`, `${PROMPT} (position 2)`],
  [`generate_batch_async('[5:6]={a,""}')`, `${PROMPT} (position 2)`],
  [`generate_batch_async(array['a'], 0)`, TOKENS],
  [`generate_batch_async(array['a'], seed => -1)`, SEED],
  ['embed_batch_async(null)', BATCH],
  [`embed_batch_async('{}')`, BATCH],
  [`embed_batch_async(array[null]::text[])`, `${TEXT} (position 1)`],
  [`embed_batch_async(array['a', 'b', E'\\t'])`, `${TEXT} (position 3)`],
  [`rerank_async(null, array['a'])`, QUERY],
  [`rerank_async(${BLANKS}, array['a'])`, QUERY],
  [`rerank_async('q', null)`, DOCUMENTS],
  [`rerank_async('q', '{}')`, DOCUMENTS],
  [`rerank_async('q', array['a', null])`, DOCUMENTS],
  [`rerank_async('q', array['a'], seed => -1)`, SEED],
  ['prune(null)', `older_than must be an interval of zero or more, such as '7 days'`],
  [`prune('-1 second')`, `older_than must be an interval of zero or more, such as '7 days'`],
  [`pause('translate')`, 'Unknown function "translate"'],
  ['pause(null)', 'Unknown function "NULL"'],
  [`resume('')`, 'Unknown function ""'],
])('steadytext_%s is refused: %s', async (call, message) => {
  expect(await sqlErrorOf(db.pool, `select steadytext_${call}`)).toMatchObject({ message, code: '22023' });
  expect((await db.pool.query('select from steadytext_queue')).rows).toEqual([]);
});
