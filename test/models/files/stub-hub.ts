import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What one request is to meet in place of an orderly answer. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** So many bytes of the body, then the connection is cut. */
  | { readonly cutAfter: number }
  /** So many bytes of the body, then nothing until {@link StubHub.resume}. */
  | { readonly stallAfter: number }
  /** Other bytes of the same length. */
  | { readonly isCorrupt: true }
  /** The whole file, whatever part was asked for. */
  | { readonly ignoresRange: true }
  | { readonly extraBytes: number }
  /** The request is taken, and nothing ever comes. */
  | { readonly isSilent: true };

export interface SeenRequest {
  readonly from: 'hub' | 'storage';
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly acceptEncoding: string | undefined;
}

export interface StubHub extends AsyncDisposable {
  readonly endpoint: string;
  readonly storageHost: string;
  readonly requests: readonly SeenRequest[];
  /** Puts a commit there, on the branch `main`. Files of 1000 bytes and more are in storage, as large ones are. */
  commit(repo: string, commit: string, files: Readonly<Record<string, Buffer>>): void;
  /** Forgets a commit, as when history was rewritten. */
  forget(repo: string, commit: string): void;
  /** Decides what a request meets; undefined lets it have its answer. */
  faults: (request: SeenRequest) => Fault | undefined;
  /** Only who has this token gets anything. */
  requiredToken: string | undefined;
  /** Whether answers tell the hash, and the commit. */
  announces: { hash: boolean; commit: boolean };
  /** Lets stalled answers go on. */
  resume(): void;
  /** Resolves when a request has come for which that is true, before or after the call. */
  seen(is: (request: SeenRequest) => boolean): Promise<void>;
}

const LARGE_BYTES = 1_000;

/** Bytes that look like nothing, always the same for the same words. */
export function bytesOf(words: string, size: number): Buffer {
  const block = createHash('sha256').update(words).digest();
  return Buffer.alloc(size, block);
}

export const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
export const gitIdOf = (bytes: Buffer) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** A hub and its storage, on two ports, so that they are different hosts to a client. */
export async function startStubHub(): Promise<StubHub> {
  const commits = new Map<string, Readonly<Record<string, Buffer>>>();
  const heads = new Map<string, string>();
  const requests: SeenRequest[] = [];
  const stalled = new Set<() => void>();
  const watchers = new Set<() => void>();

  const see = (from: SeenRequest['from'], { method = '', url = '', headers }: IncomingMessage): SeenRequest => {
    const { range, authorization } = headers;
    const acceptEncoding = headers['accept-encoding']?.toString();
    const request = {
      from,
      method,
      path: decodeURIComponent(url.split('?')[0] ?? ''),
      range,
      authorization,
      acceptEncoding,
    };
    requests.push(request);
    for (const watcher of watchers) watcher();
    return request;
  };

  const hub = createServer((incoming, response) => {
    const request = see('hub', incoming);
    const [, repo = '', revision = '', path = ''] = /^\/(.+?\/.+?)\/resolve\/([^/]+)\/(.+)$/.exec(request.path) ?? [];
    const fault = stub.faults(request);
    if (fault !== undefined && 'isSilent' in fault) return;
    if (fault !== undefined && 'status' in fault) return void response.writeHead(fault.status, fault.headers).end();
    const isAllowed = stub.requiredToken === undefined || request.authorization === `Bearer ${stub.requiredToken}`;
    if (!isAllowed) return void response.writeHead(401).end('Access to this repository is restricted');
    const commit = revision === 'main' ? heads.get(repo) : revision;
    const bytes = commits.get(`${repo}@${commit}`)?.[path];
    if (bytes === undefined || commit === undefined) return void response.writeHead(404).end('Entry not found');
    if (stub.announces.commit) response.setHeader('x-repo-commit', commit);
    if (bytes.length < LARGE_BYTES) {
      if (stub.announces.hash) response.setHeader('etag', `"${gitIdOf(bytes)}"`);
      return send(response, request, bytes, fault, stalled);
    }
    if (stub.announces.hash) response.setHeader('x-linked-etag', `"${sha256Of(bytes)}"`);
    response.setHeader('x-linked-size', bytes.length);
    response
      .writeHead(302, { location: `http://${stub.storageHost}/${repo}/${commit}/${path}?signature=geheim` })
      .end();
  });
  const storage = createServer((incoming, response) => {
    const request = see('storage', incoming);
    const [, repo = '', commit = '', path = ''] = /^\/(.+?\/.+?)\/([^/]+)\/(.+)$/.exec(request.path) ?? [];
    const fault = stub.faults(request);
    if (fault !== undefined && 'isSilent' in fault) return;
    if (fault !== undefined && 'status' in fault) return void response.writeHead(fault.status, fault.headers).end();
    const bytes = commits.get(`${repo}@${commit}`)?.[path] ?? Buffer.alloc(0);
    // Storage has tags of its own kind, which look like a hash of the file and are none.
    response.setHeader('etag', `"${sha256Of(Buffer.from('another'))}"`);
    send(response, request, bytes, fault, stalled);
  });
  const ports = await Promise.all([hub, storage].map(listen));
  const stub: StubHub = {
    endpoint: `http://127.0.0.1:${ports[0]}`,
    storageHost: `localhost:${ports[1]}`,
    requests,
    requiredToken: undefined,
    announces: { hash: true, commit: true },
    faults: () => undefined,
    commit(repo, commit, files) {
      commits.set(`${repo}@${commit}`, files);
      heads.set(repo, commit);
    },
    forget: (repo, commit) => void commits.delete(`${repo}@${commit}`),
    resume() {
      for (const go of stalled) go();
      stalled.clear();
    },
    seen: (is) =>
      new Promise((resolve) => {
        const look = () => {
          if (!requests.some(is)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all([hub, storage].map(close));
    },
  };
  return stub;
}

function send(
  response: ServerResponse,
  { method, range }: SeenRequest,
  bytes: Buffer,
  fault: Fault | undefined,
  stalled: Set<() => void>,
): void {
  const wanted = fault !== undefined && 'ignoresRange' in fault ? undefined : /^bytes=(\d+)-$/.exec(range ?? '')?.[1];
  const start = Number(wanted ?? 0);
  if (wanted !== undefined && start >= bytes.length) return void response.writeHead(416).end();
  let body = bytes.subarray(start);
  if (fault !== undefined && 'isCorrupt' in fault) body = Buffer.alloc(body.length, 1);
  if (fault !== undefined && 'extraBytes' in fault) body = Buffer.concat([body, Buffer.alloc(fault.extraBytes)]);
  response.setHeader('content-length', body.length);
  if (wanted === undefined) response.writeHead(200);
  else response.writeHead(206, { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
  if (method === 'HEAD') return void response.end();
  if (fault !== undefined && 'cutAfter' in fault) {
    response.write(body.subarray(0, fault.cutAfter), () => response.destroy());
  } else if (fault !== undefined && 'stallAfter' in fault) {
    response.write(body.subarray(0, fault.stallAfter));
    stalled.add(() => response.end(body.subarray(fault.stallAfter)));
  } else response.end(body);
}

async function listen(server: Server): Promise<number> {
  server.listen(0);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port; // a TCP server's address is never a path
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
