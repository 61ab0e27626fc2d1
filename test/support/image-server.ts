import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificateFolder } from '../hosts/certificates.ts';

/** An https server on this machine whose certificate is for `images.test`. */
export interface ImageServer extends AsyncDisposable {
  readonly port: number;
  /** Of the authority that signed its certificate. */
  readonly ca: string;
  /** Connections that were made to it. */
  readonly connections: number;
  handle(listener: RequestListener): void;
}

export async function startImageServer(): Promise<ImageServer> {
  await using certificates = await createCertificateFolder();
  await certificates.makeAuthority('authority');
  await certificates.makeCertificate('server', {
    authority: 'authority',
    subject: 'images.test',
    dnsName: 'images.test',
  });
  const read = (file: string) => readFile(certificates.pathOf(file), 'utf8');
  let listener: RequestListener = (_, response) => void response.end();
  const server = createServer({ cert: await read('server.crt'), key: await read('server.key') }, (request, response) =>
    listener(request, response),
  );
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server),
    ca: await read('authority.crt'),
    get connections() {
      return connections;
    },
    handle(next) {
      listener = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(server: Server): number {
  // It listens on a port.
  return (server.address() as AddressInfo).port;
}
