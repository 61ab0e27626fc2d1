import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** As many numbers as small models give. */
export const DIMENSIONS = 384;
/** Numbers at the end of a text are told apart below this. */
export const STALE_AFTER = 1_000;

const ENTRY = fileURLToPath(new URL('embeddings-server-process.ts', import.meta.url));

export interface EmbeddingsServer {
  /** Such as `http://127.0.0.1:4000`; OpenAI's API is below `/v1`, Ollama's below `/api`. */
  readonly url: string;
  /** When texts first came since this was asked last, by `Date.now()`; undefined when none came. */
  firstMs(): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** A model that costs next to nothing, behind HTTP, in a process of its own. */
export async function startEmbeddingsServer(): Promise<EmbeddingsServer> {
  const child = fork(ENTRY, [], { execArgv: ['--import', 'tsx'] });
  const exited = once(child, 'exit');
  const hear = async () =>
    Promise.race([
      once(child, 'message').then(([message]) => message as unknown),
      exited.then(() => Promise.reject(new Error('the server of embeddings ended'))),
    ]);
  const { port } = z.object({ port: z.number() }).parse(await hear());
  return {
    url: `http://127.0.0.1:${port}`,
    async firstMs() {
      const heard = hear();
      child.send('first');
      return z.object({ firstMs: z.number().optional() }).parse(await heard).firstMs;
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** SQL that is true of a vector in column `embedding` which is not of the text in column `body`. */
export const IS_STALE = `round((acos(greatest(-1, least(1, (embedding::real[])[1] * sqrt(2)))) / pi() * ${STALE_AFTER})::numeric)
  <> substring(body from '\\d+$')::bigint % ${STALE_AFTER}`;
