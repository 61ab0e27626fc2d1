import { expect, test } from 'vitest';
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
