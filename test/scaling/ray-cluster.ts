import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('ray_cluster.py', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../examples/scaling', import.meta.url));
/** Ray starts a dozen processes. */
const LIMIT_MS = 180_000;

export interface RayCluster extends AsyncDisposable {
  /** Where it answers as OpenAI does. */
  readonly url: string;
  replicas(): Promise<number>;
  setReplicas(count: number | 'auto'): Promise<void>;
  /** Seconds of the processor that each replica has used. */
  cpuSeconds(): Promise<number[]>;
  /** Kills one replica. */
  kill(): Promise<void>;
}

/** A Ray with so many cores, which serves examples/scaling/serve_minilm.py once it is told how. */
export async function startRayCluster(python: string, modelFolder: string, cores: number): Promise<RayCluster> {
  const port = await freePort();
  const child = spawn(python, [PROGRAM, String(port), String(cores)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      MODEL_DIR: modelFolder,
      MAX_REPLICAS: String(cores),
      DOWNSCALE_DELAY_S: '3',
      CLUSTER_MARK: `lamplighter-${randomBytes(8).toString('hex')}`,
      // The replicas import the example, too.
      PYTHONPATH: EXAMPLES,
      RAY_USAGE_STATS_ENABLED: '0',
      RAY_AUTH_MODE: 'disabled',
    },
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const readLine = async (): Promise<string> => {
    const limit = AbortSignal.timeout(LIMIT_MS);
    const late = new Promise<never>((_, reject) => {
      limit.addEventListener('abort', () => reject(new Error('Ray did not answer in time')), { once: true });
    });
    const { value, done } = await Promise.race([lines.next(), late]);
    if (done === true) throw new Error('Ray has ended');
    return value;
  };
  /** The next answer; Ray prints lines of its own. */
  const read = async (): Promise<string> => {
    for (;;) {
      const line = await readLine();
      if (line.startsWith('> ')) return line.slice(2);
    }
  };
  const ask = async (command: string) => {
    child.stdin.write(`${command}\n`);
    return read();
  };
  while ((await read()) !== 'up');
  return {
    url: `http://127.0.0.1:${port}/v1`,
    replicas: async () => Number(await ask('replicas')),
    async setReplicas(count) {
      await ask(count === 'auto' ? 'auto' : `replicas ${count}`);
    },
    cpuSeconds: async () => JSON.parse(await ask('cpu')) as number[],
    async kill() {
      await ask('kill');
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  return address.port;
}
