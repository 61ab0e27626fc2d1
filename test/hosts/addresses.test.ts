import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli, startCli } from '../cli/run-cli.ts';
import { withSession } from '../support/owned-database.ts';
import { firstValue } from '../support/requests.ts';
import { provesAllHosts } from './all-hosts.ts';
import { createHost, type Host } from './host-database.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { proveHost } from './prove-host.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

let folder = '';
let server: OwnServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lamplighter-socket-'));
  await chmod(folder, 0o777);
  const listen = hasIpv6 ? '127.0.0.1,::1' : '127.0.0.1';
  server = await startOwnServer({ settings: { unix_socket_directories: folder, listen_addresses: listen } });
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const loginOf = (uri: string) => {
  const { username, password } = new URL(uri);
  return { user: username, password };
};

describe.skipIf(!provesAllHosts)('the whole way', () => {
  const socket = () => encodeURIComponent(folder);
  test.each<[string, (uri: string) => string]>([
    [
      'by a Unix socket, its folder as the host of a URI',
      (uri) => uri.replace(/@[^/]+/, `@${socket()}:${server.port}`),
    ],
    ['by a Unix socket in ?host=', (uri) => `${uri.replace(/@[^/]+/, '@')}?host=${socket()}&port=${server.port}`],
    [
      'by keywords and values',
      (uri) => {
        const { user, password } = loginOf(uri);
        return `host='${folder}' port=${server.port} user=${user} password='${password}' dbname=${new URL(uri).pathname.slice(1)}`;
      },
    ],
  ])('%s', async (_, uriOf) => {
    await using host = await createHost({ serverUri: server.uri });
    await prove(host, uriOf);
  });

  test.skipIf(!hasIpv6)('by an IPv6 address', async () => {
    await using host = await createHost({ serverUri: server.uri });
    await prove(host, (uri) => uri.replace(/@[^/]+/, `@[::1]:${server.port}`));
  });

  async function prove(host: Host, uriOf: (uri: string) => string): Promise<void> {
    const proof = await proveHost(host, {
      ownerUri: uriOf(host.owner.uri),
      callerUri: uriOf(host.caller.uri),
      workerUri: uriOf(host.worker.uri),
    });
    expect(proof).toMatchObject({ doesWorkerListen: true, doesCallerListen: true, warnings: [] });
  }
});

test("programs find the database by libpq's variables and its passfile alone", async () => {
  await using host = await createHost({ serverUri: server.uri });
  const passfile = join(folder, 'pgpass');
  const lines = [host.owner, host.worker].map(({ uri }) => {
    const { user, password } = loginOf(uri);
    return `localhost:${server.port}:*:${user}:wrong\n${folder}:${server.port}:${host.database}:${user}:${password}\n`;
  });
  await writeFile(passfile, lines.join(''), { mode: 0o600 });
  const envOf = (role: string) => ({
    PGHOST: folder,
    PGPORT: String(server.port),
    PGDATABASE: host.database,
    PGUSER: role,
    PGPASSFILE: passfile,
  });

  const migrated = await runCli(['migrate', '--grant', host.caller.name, '--grant-worker', host.worker.name], {
    env: envOf(host.owner.name),
  });
  expect(migrated.stderr).toBe('');
  expect(migrated.code).toBe(0);
  await using worker = startCli(['worker', '--functions', 'embed'], { env: envOf(host.worker.name) });
  await worker.waitForLine(/listening for notifications/);
  await withSession(host.caller.uri, async (caller) => {
    const id = await firstValue(caller, `select steadytext_embed_async('by variables')`);
    expect(await firstValue<string>(caller, 'select steadytext_get_async_result($1, 15)', [id])).toMatch(/^\[/);
  });
  worker.kill();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});
