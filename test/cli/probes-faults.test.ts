import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultServer, startFaultServer } from '../faults/support/fault-server.ts';
import { withClient } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { DOCUMENTED_TABLE } from '../support/test-daemon.ts';
import { runCli, startCli } from './run-cli.ts';

let server: FaultServer;
let uri: string;
let daemon: SpawnedProcess;
/** `127.0.0.1:port` of its probes. */
let address: string;
beforeAll(async () => {
  server = await startFaultServer();
  ({ uri } = await server.createDatabase());
  await withClient(uri, async (admin) => {
    await admin.query(DOCUMENTED_TABLE);
    await admin.query(`create table notes (id integer primary key, body text); insert into notes values (1, 'a text')`);
    await admin.query(
      `insert into jobs ("table", src_column, dst_column, embedding_model) values ('notes', 'body', 'embedding', 'test/model')`,
    );
  });
  daemon = startCli(['start-daemon', '--uri', uri, '--table', 'jobs', '--http', '127.0.0.1:0'], {
    entry: 'test/cli/test-worker-process.ts',
  });
  const line = await daemon.waitForLine(/answering probes and scrapes on/, { timeoutMs: 30_000 });
  address = /127\.0\.0\.1:\d+/.exec(line)?.[0] ?? '';
}, 60_000);
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

interface Readiness {
  readonly ready: boolean;
  readonly failed: readonly { readonly check: string; readonly problem: string }[];
  readonly degraded: readonly { readonly check: string }[];
}

const get = (path: string) => fetch(`http://${address}${path}`);
async function readiness(): Promise<Readiness & { readonly status: number }> {
  const response = await get('/readyz');
  return { status: response.status, ...((await response.json()) as Readiness) };
}
const healthcheck = (at = address) => runCli(['healthcheck', '--http', at]);
const untilReady = () =>
  eventually(
    async () =>
      expect(await readiness()).toEqual({
        status: 200,
        processId: expect.any(String),
        ready: true,
        failed: [],
        degraded: [],
      }),
    {
      timeoutMs: 30_000,
    },
  );

describe('start-daemon --http', () => {
  test('is ready, and counts for scrapes', async () => {
    await untilReady();
    const metrics = await get('/metrics');
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await metrics.text()).toMatch(/^lamplighter_heartbeat_age_seconds \d/m);
    await eventually(async () =>
      expect(await (await get('/metrics')).text()).toMatch(
        /^lamplighter_embeddings_ended_total\{job="1",model="test\/model",status="completed"\} 1$/m,
      ),
    );
    expect(await healthcheck()).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
  }, 60_000);

  test('names what is out of reach while the database is down, stays alive, and comes back by itself', async () => {
    await untilReady();
    await server.stop('fast');
    await eventually(
      async () => {
        const { status, ready, failed } = await readiness();
        expect({ status, ready }).toEqual({ status: 503, ready: false });
        expect(failed.map(({ check }) => check).sort()).toEqual(['claim loop', 'database', 'heartbeat']);
        for (const { problem } of failed) expect(problem).not.toBe('');
      },
      { timeoutMs: 30_000 },
    );
    expect(await get('/livez').then(async (response) => [response.status, await response.text()])).toEqual([
      200,
      'alive\n',
    ]);
    expect((await get('/metrics')).status).toBe(200);
    const { code, stdout } = await healthcheck();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^database: .+$/m);
    expect(stdout).toMatch(/^heartbeat: the last one was answered .+ s ago$/m);
    await server.start();
    await untilReady();
  }, 120_000);

  test('refuses a port that is taken before it asks the database for anything', async () => {
    const { code, stderr } = await runCli([
      'start-daemon',
      '--uri',
      'postgresql://nobody@127.0.0.1:9/none',
      '--http',
      address,
    ]);
    expect(stderr).toContain(`error: Probes cannot be answered on ${address}: another program listens there`);
    expect(stderr).toContain('hint: Choose another address with --http, such as 127.0.0.1:0 for any free port.');
    expect(code).toBe(1);
  }, 30_000);

  test('is alive and not ready while it drains, and stops listening once it has stopped', async () => {
    await untilReady();
    await withClient(uri, (admin) => admin.query(`insert into notes values (2, '!sleep:2000')`));
    await eventually(async () => expect(await (await get('/metrics')).text()).toMatch(/^lamplighter_in_flight 1$/m));
    daemon.kill('SIGTERM');
    await eventually(async () => {
      const { status, failed } = await readiness();
      expect({ status, checks: failed.map(({ check }) => check) }).toEqual({ status: 503, checks: ['draining'] });
    });
    expect((await get('/livez')).status).toBe(200);
    expect(await daemon.exited).toEqual({ code: 0, signal: null });
    await expect(get('/livez')).rejects.toThrow();
    const { code, stderr } = await healthcheck();
    expect(code).toBe(1);
    expect(stderr).toContain(`error: http://${address}/readyz does not answer: `);
    expect(stderr).toContain('hint: Start the worker or daemon with --http and this address.');
  }, 60_000);
});

describe('healthcheck', () => {
  test('refuses what is no address', async () => {
    const { code, stderr } = await healthcheck('somewhere');
    expect(stderr).toContain('an address such as 127.0.0.1:4600');
    expect(code).toBe(2);
  });

  test.each([
    ['another program', 200, 'text/html', '<h1>hello</h1>', 'answers with HTTP 200, which is no answer of Lamplighter'],
    [
      'another program that has no such page',
      404,
      'text/plain',
      'not found',
      'answers with HTTP 404, which is no answer of Lamplighter',
    ],
    [
      'JSON of another program',
      200,
      'application/json',
      '{"ready": "yes"}',
      'answers with HTTP 200, which is no answer of Lamplighter',
    ],
  ])('says that %s answers there', async (_who, status, type, body, told) => {
    const other = createServer((_incoming, outgoing) => {
      outgoing.writeHead(status, { 'content-type': type }).end(body);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo; // it listens on a port
    const { code, stderr } = await healthcheck(`127.0.0.1:${port}`);
    other.close();
    expect(stderr).toContain(told);
    expect(code).toBe(1);
  });

  test('waits for a process that does not answer for 4 s, and no longer', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo; // it listens on a port
    const { code, stderr } = await healthcheck(`127.0.0.1:${port}`);
    silent.closeAllConnections();
    silent.close();
    expect(stderr).toContain('does not answer');
    expect(code).toBe(1);
  }, 15_000);
});
