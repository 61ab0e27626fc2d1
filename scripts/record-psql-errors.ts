/**
 * Records what psql prints for texts that fail, beside what the server said of them: `tsx scripts/record-psql-errors.ts`. The fixture shows
 * that ours is the same where there is no psql. To be run again when the texts change.
 */
import { writeFileSync } from 'node:fs';
import { resolveConnection } from '../src/db/connection/connection-settings.ts';
import { startEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { openTaskSession } from '../src/db/task-session/task-session.ts';
import { createRandom } from '../test/properties/random.ts';
import { ERROR_SETUP, ERROR_TEXTS, randomErrorText } from '../test/tasks/error-cases.ts';
import { findPsql, psqlError } from '../test/tasks/psql.ts';

const RANDOM_TEXTS = 400;
const SEED = 13;

const psql = findPsql();
if (psql === undefined) throw new Error('expected a psql on this machine');
const server = await startEmbeddedServer({ persistent: false, settings: { fsync: 'off' } });
try {
  const settings = resolveConnection({ uri: server.uri }, {});
  const setup = await openTaskSession(settings);
  await setup.run(ERROR_SETUP);
  await setup.end();
  const random = createRandom(SEED);
  const texts = [...ERROR_TEXTS, ...Array.from({ length: RANDOM_TEXTS }, () => randomErrorText(random))];
  const cases = [];
  for (const text of texts) {
    const session = await openTaskSession(settings);
    await session.query("select pg_catalog.set_config('search_path', 'err,public', false)");
    const end = await session.run(text);
    await session.end();
    if (end.kind !== 'error') throw new Error(`expected an error from ${JSON.stringify(text)}, got ${end.kind}`);
    cases.push({ text, fields: end.error.fields, printed: psqlError(psql, server.uri, text) });
  }
  writeFileSync('test/tasks/fixtures/psql-errors.json', `${JSON.stringify(cases, undefined, 2)}\n`);
  console.log(`${cases.length} errors`);
} finally {
  await server.stop();
}
