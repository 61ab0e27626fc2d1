import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createDocumentEmbedder } from '../../src/daemon/embed-documents.ts';
import { embedRows } from '../../src/daemon/embed-rows.ts';
import { createModelTurns } from '../../src/daemon/model-turns.ts';
import { fixtureProvider, loadFixture } from '../models/onnx-fixtures.ts';
import { compiledUrl } from '../support/compiled-program.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

const engineEntry = compiledUrl('test/models/misbehaving-engine.ts');
const never = new AbortController().signal;
const noTrouble = { note: () => undefined, settle: () => undefined };

test('a text that ends the engine’s process each time fails alone, and neither its batch nor another job’s rows', async () => {
  await using db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  for (const table of ['killer', 'beside']) {
    await db.pool.query(`create table ${table} (id integer primary key, body text)`);
    await db.pool.query(`insert into ${table} select n, '${table} ' || n from generate_series(1, 40) as n`);
    await addJob(db, { table, embedding_model: 'mean' });
  }
  await db.pool.query(`update killer set body = 'poison !segv' where id = 17`);
  await using _daemon = await startTestDaemon({
    uri: db.uri,
    batchRows: 20,
    providers: [fixtureProvider('mean', { engineEntry })],
  });
  const missing = async () => {
    const { rows } = await db.pool.query<{ row: string }>(
      `select 'killer ' || id as row from killer where embedding is null
       union all select 'beside ' || id from beside where embedding is null`,
    );
    return rows.map(({ row }) => row);
  };
  await eventually(async () => expect(await missing()).toEqual(['killer 17']), { timeoutMs: 30_000 });
  await eventually(
    async () => {
      const { rows } = await db.pool.query(
        'select table_name, key, attempts, is_final, error from lamplighter.embedding_failures',
      );
      expect(rows).toEqual([
        {
          table_name: 'killer',
          key: '{17}',
          attempts: 5,
          is_final: true,
          error: 'The engine of mean was ended by SIGSEGV while it ran this request',
        },
      ]);
    },
    { timeoutMs: 60_000 },
  );
}, 120_000);

test('a text that hangs the engine’s process is charged alone, and calls that wait behind it are charged nothing', async () => {
  await using model = await loadFixture('mean', { engineEntry });
  const turns = createModelTurns(model, noTrouble, systemClock);
  const embed = (texts: readonly string[]) =>
    embedRows(
      texts.map((text) => ({ text })),
      { model, dimensions: 16, turns, kind: 'live', signal: never, callLimitMs: 1_000 },
    );
  const names = (answers: Awaited<ReturnType<typeof embed>>['answers']) =>
    answers.map((answer) => (answer instanceof Float32Array ? 'vector' : answer.isRow ? 'charged' : 'given back'));
  const [hung, behind] = await Promise.all([embed(['a', 'b !hang', 'c', 'd']), embed(['e', 'f'])]);
  expect(names(hung.answers)).toEqual(['vector', 'charged', 'vector', 'vector']);
  expect(names(behind.answers)).toEqual(['vector', 'vector']);
}, 60_000);

test('a document that hangs or kills the tokenizer is charged alone, and those beside it have their chunks', async () => {
  await using model = await loadFixture('mean', { engineEntry });
  const turns = createModelTurns(model, noTrouble, systemClock);
  const documents = createDocumentEmbedder({ size: 2, overlap: 0 });
  const texts = ['one two three', 'a !tokens-hang', 'b !tokens-segv', 'four five', 'c !tokens-refuse', 'six'];
  const { answers, outage } = await documents.embed(
    texts.map((text, at) => ({ key: `{${at}}`, text })),
    { model, dimensions: 16, turns, kind: 'live', signal: never, callLimitMs: 1_000 },
  );
  expect(outage).toBeUndefined();
  expect(answers.map((answer) => ('chunks' in answer ? answer.chunks.length : answer))).toMatchObject([
    2,
    { isRow: true, error: 'The model did not answer within 1 s' },
    { isRow: true, error: 'The engine of mean was ended by SIGSEGV while it ran this request' },
    1,
    { isRow: true, error: 'told to refuse' },
    1,
  ]);
}, 60_000);
