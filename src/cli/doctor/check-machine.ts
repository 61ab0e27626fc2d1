import { access, constants, readdir, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { modelFolder } from '../../models/files/model-folder.ts';
import { readOption } from '../cli-option.ts';
import { readListenAddress, urlOf } from '../dashboard/listen-address.ts';
import { renderBytes } from '../render-units.ts';
import { HTTP_OPTION } from '../with-probes.ts';
import type { Finding, LocalCheck } from './check.ts';

/** Files that are looked at for downloads that ended early. */
const MOST_FILES = 10_000;
const ANSWER_MS = 1_000;

/** The disk that holds models, and downloads that ended early. */
export const modelCacheCheck: LocalCheck = {
  name: 'model-cache',
  looksAt: 'the folder of models on this machine: free space, and downloads that ended early',
  needs: 'nothing',
  async run({ invocation, thresholds }) {
    const folder = modelFolder(invocation.env);
    const there = await nearestFolder(folder);
    const { bavail, bsize } = await statfs(there);
    const free = bavail * bsize;
    const findings: Finding[] = [];
    if (free < thresholds.freeBytes) {
      findings.push({
        state: 'warning',
        message: `${folder} has ${renderBytes(free)} left: models may not fit`,
        advice: 'Free space there, or name another folder in LAMPLIGHTER_MODEL_DIR.',
      });
    }
    if (
      !(await access(there, constants.W_OK).then(
        () => true,
        () => false,
      ))
    ) {
      findings.push({ state: 'note', message: `${folder} cannot be written to, so that no model can be fetched here` });
    }
    const partial = await listPartial(folder);
    if (partial.length > 0) {
      const [oldest] = partial;
      findings.push({
        state: 'warning',
        message: `downloads ended early: ${partial.length}, of ${renderBytes(partial.reduce((sum, { bytes }) => sum + bytes, 0))}, such as ${oldest?.path}`,
        advice: 'lamplighter models pull, with the names of the models, resumes them; or delete these files',
        since: oldest?.modifiedAt.toISOString(),
      });
    }
    const hasTrouble = findings.some(({ state }) => state !== 'note');
    return hasTrouble ? findings : [{ state: 'ok', message: `${folder}, ${renderBytes(free)} free` }, ...findings];
  },
};

/** The folder, or what is there of the way to it. */
async function nearestFolder(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  return isThere || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}

interface PartialFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** Oldest first. One that is written to right now is being fetched. */
async function listPartial(folder: string): Promise<PartialFile[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const partial = names.slice(0, MOST_FILES).filter((name) => name.endsWith('.partial'));
  const files = await Promise.all(
    partial.map(async (name) => {
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      return found === undefined ? [] : [{ path, bytes: found.size, modifiedAt: found.mtime }];
    }),
  );
  return files
    .flat()
    .filter(({ modifiedAt }) => Date.now() - modifiedAt.getTime() > 60_000)
    .sort((a, b) => a.modifiedAt.getTime() - b.modifiedAt.getTime());
}

/** Whether `--http` of a worker or daemon started here would find its port free. */
export const httpCheck: LocalCheck = {
  name: 'http',
  looksAt: 'whether the address of --http is free on this machine',
  needs: 'nothing',
  async run({ invocation }) {
    const address = readOption(invocation, HTTP_OPTION, readListenAddress);
    if (address === undefined) return [];
    const code = await tryListen(address.host, address.port);
    const url = urlOf(address);
    if (code === undefined) return [{ state: 'ok', message: `${url} is free` }];
    if (code === 'EADDRINUSE') {
      const isOurs = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
        async (response) => (await response.text()) === 'alive\n',
        () => false,
      );
      if (isOurs) return [{ state: 'ok', message: `a process of Lamplighter answers on ${url}` }];
      const advice = 'Name another one, such as --http 127.0.0.1:9465, or stop the program that listens there.';
      return [
        {
          state: 'broken',
          message: `${url} is taken by another program: a worker with --http would not start`,
          advice,
        },
      ];
    }
    const advice =
      code === 'EACCES' ? 'Take a port from 1024 on.' : 'Take an address of this machine, such as 127.0.0.1:9464.';
    return [{ state: 'broken', message: `nothing can listen on ${url}: ${code}`, advice }];
  },
};

/** The error's code; undefined when it works. */
function tryListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}
