import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { migrateAs, withSession } from '../support/owned-database.ts';
import { generate, rowOf, untilStatus } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';
import { provesAllHosts } from './all-hosts.ts';
import { createHost } from './host-database.ts';
import { proveHost } from './prove-host.ts';
import { serverMajor } from './server-major.ts';

const locale = (await serverMajor()) >= 15 ? "locale_provider libc locale 'C'" : "locale 'C'";

async function prove(encoding: string, text: string): Promise<void> {
  await using host = await createHost({ databaseOptions: `template template0 encoding '${encoding}' ${locale}` });
  const proof = await proveHost(host, { text });
  expect(proof).toMatchObject({ doesWorkerListen: true, doesCallerListen: true, warnings: [] });
}

test('a database in EUC_JP', () => prove('EUC_JP', '漢字 "quoted" \\ text'));

test.skipIf(!provesAllHosts).each([
  ['SQL_ASCII', 'λ "quoted" \\ text'],
  ['LATIN1', 'é "quoted" \\ text'],
  ['EUC_KR', '한글 "quoted" \\ text'],
])('a database in %s', prove);

test('an answer that the encoding of the database cannot hold fails its request, and no other', async () => {
  await using host = await createHost({ databaseOptions: `template template0 encoding 'LATIN1' ${locale}` });
  await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
  const gated = createGatedProvider();
  await using _worker = await startTestWorker({
    uri: host.worker.uri,
    providers: [gated],
    generateModel: 'gated/model',
    concurrency: 8,
    maxRetries: 0,
  });
  await withSession(host.caller.uri, async (caller) => {
    const prompts = ['plain', 'hostile', 'plainer'];
    const ids = await Promise.all(prompts.map((prompt) => generate(caller, prompt)));
    const calls = await Promise.all(prompts.map((prompt) => gated.call(prompt)));
    for (const call of calls) call.answer(call.prompt === 'hostile' ? 'λ' : 'é');
    const [plain = '', hostile = '', plainer = ''] = ids;
    await untilStatus(caller, [plain, plainer], 'completed');
    await untilStatus(caller, [hostile], 'failed');
    expect((await rowOf(caller, hostile)).error).toMatch(/LATIN1/);
  });
});

test('what the encoding of the database cannot hold of the error of a task is replaced, and its end is recorded', async () => {
  await using host = await createHost({ databaseOptions: `template template0 encoding 'WIN1251' ${locale}` });
  await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
  await using _worker = await startTestWorker({
    uri: host.worker.uri,
    taskRoles: { [host.caller.name]: host.caller.uri },
  });
  await withSession(host.caller.uri, async (caller) => {
    // The server sends the error in that encoding, of which it has said nothing yet.
    await caller.query('select lantern.async_task($1)', ["set client_encoding = 'KOI8R'; select 'привет'::int"]);
    const message = await eventually(async () => {
      const { rows } = await caller.query<{ status: string | null; error_message: string }>(
        'select * from lantern.tasks',
      );
      expect(rows[0]?.status).toBe('failed');
      return rows[0]?.error_message;
    });
    expect(message).toBe(
      'ERROR:  invalid input syntax for type integer: "??????"\n' +
        "LINE 1: set client_encoding = 'KOI8R'; select '??????'::int\n                                              ^\n",
    );
  });
});

test('what is no UTF-8, which a database in SQL_ASCII would keep, is refused, as no worker could claim it', async () => {
  await using host = await createHost({ databaseOptions: `template template0 encoding 'SQL_ASCII' ${locale}` });
  await migrateAs(host.owner.uri, { grant: [host.caller.name] });
  await withSession(host.caller.uri, async (caller) => {
    const bytes = String.raw`convert_from('\xe927', 'SQL_ASCII')`;
    for (const call of [
      `lantern.async_task(${bytes})`,
      `lantern.async_task('select 1', ${bytes})`,
      `steadytext_embed_async(${bytes})`,
      `steadytext_rerank_async('q', array[${bytes}])`,
    ]) {
      await expect(caller.query(`select ${call}`)).rejects.toMatchObject({ code: '22021' });
    }
    await caller.query(`select lantern.async_task('select ''é'''), steadytext_embed_async('é')`);
  });
});
