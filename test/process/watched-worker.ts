import { silentLogger } from '../../src/core/log.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createModelRegistry } from '../../src/models/registry.ts';
import { type ProbeServer, startProbeServer } from '../../src/process/probe-server.ts';
import { workerConfig } from '../../src/worker/config.ts';
import { startWorker, type WatchedWorker } from '../../src/worker/worker.ts';
import { createTestProvider } from '../support/test-runtime.ts';

/** A worker in this process, and what answers probes about it. */
export interface WatchedScene extends AsyncDisposable {
  readonly worker: WatchedWorker;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** Names of the failed checks. */
  failedChecks(): Promise<string[]>;
  /** Names of the checks that say what is slower. */
  degradedChecks(): Promise<string[]>;
}

export async function startProbes(): Promise<
  ProbeServer & Pick<WatchedScene, 'get' | 'failedChecks' | 'degradedChecks'>
> {
  const server = await startProbeServer({ host: '127.0.0.1', port: 0, log: silentLogger });
  const get: WatchedScene['get'] = async (path) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return {
    ...server,
    get,
    async failedChecks() {
      const { status, text } = await get('/readyz');
      const { ready, failed } = JSON.parse(text) as { ready: boolean; failed: { check: string }[] };
      if (ready !== (status === 200) || ready !== (failed.length === 0))
        throw new Error(`status and body disagree: ${text}`);
      return failed.map(({ check }) => check);
    },
    async degradedChecks() {
      const { degraded } = JSON.parse((await get('/readyz')).text) as { degraded: { check: string }[] };
      return degraded.map(({ check }) => check);
    },
  };
}

export async function startWatchedWorker(uri: string): Promise<WatchedScene> {
  const probes = await startProbes();
  const models = createModelRegistry({ providers: [createTestProvider()] });
  const config = workerConfig.parse({
    embedModel: 'test/model',
    generateModel: 'test/model',
    rerankModel: 'test/model',
    pollIntervalMs: 100,
    heartbeatMs: 500,
  });
  const worker = await startWorker({ settings: resolveConnection({ uri }, {}), config, models, log: silentLogger });
  probes.watch(() => [worker.vitals]);
  return {
    worker,
    get: probes.get,
    failedChecks: probes.failedChecks,
    degradedChecks: probes.degradedChecks,
    async [Symbol.asyncDispose]() {
      await worker.stop({ isImmediate: true });
      await models.close();
      await probes.stop();
    },
  };
}
