import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import { runCli } from '../cli/run-cli.ts';
import { migrateAs } from '../support/owned-database.ts';
import { provesAllHosts } from './all-hosts.ts';
import { createHost, type Host } from './host-database.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { proveHost } from './prove-host.ts';

describe.skipIf(!provesAllHosts)('a read replica', () => {
  let folder = '';
  let primary: OwnServer | undefined;
  let replica: OwnServer | undefined;
  let host: Host;

  /** A copy of the primary that waits for a log that never comes: it reads, and takes no writes. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lamplighter-replica-'));
    const at = (name: string) => ({ dataDir: join(folder, name), persistent: true });
    await chmod(folder, 0o755); // the server's own user has to get there
    const origin = await startOwnServer(at('primary'));
    host = await createHost({ serverUri: origin.uri });
    await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
    await origin.stop();
    await promisify(execFile)('cp', ['-a', join(folder, 'primary'), join(folder, 'replica')]);
    await writeFile(join(folder, 'replica', 'postgres', 'data', 'standby.signal'), '');
    primary = await startOwnServer(at('primary'));
    replica = await startOwnServer(at('replica'));
  });
  afterAll(async () => {
    await Promise.all([primary?.stop(), replica?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  /** The same login on one server, or on several in turn. */
  function uriOn(uri: string, ...servers: (OwnServer | undefined)[]): string {
    const places = servers.map((server) => `${server?.host}:${server?.port}`).join(',');
    return uri.replace(/@[^/]+/, `@${places}`);
  }

  test.each([
    ['a worker', 'worker', ['worker']],
    ['migrate', 'owner', ['migrate', '--grant', 'CALLER']],
  ] as const)('%s says that the server is a read replica', async (_, role, args) => {
    const given = args.map((arg) => (arg === 'CALLER' ? host.caller.name : arg));
    const { code, stderr } = await runCli([...given, '--uri', uriOn(host[role].uri, replica)]);
    expect(stderr).toContain('error: The server is a read replica, where nothing can be written');
    expect(stderr).toContain('hint: Connect to the primary');
    expect(code).toBe(1);
  });

  test('a client reads from it, and is told that it cannot queue there', async () => {
    await using client = createClient({ uri: uriOn(host.caller.uri, replica) });
    expect(await client.stats()).toEqual([]);
    await expect(client.embed('text')).rejects.toMatchObject({ code: '25006' });
  });

  test('the whole way by a URI that names both, with target_session_attrs=primary', async () => {
    const both = (uri: string) => `${uriOn(uri, replica, primary)}?target_session_attrs=primary`;
    const proof = await proveHost(
      { ...host, owner: { ...host.owner, uri: both(host.owner.uri) } },
      { callerUri: both(host.caller.uri), workerUri: both(host.worker.uri) },
    );
    expect(proof).toMatchObject({ doesWorkerListen: true, doesCallerListen: true, warnings: [] });
  });
});
