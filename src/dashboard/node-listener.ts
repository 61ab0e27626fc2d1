import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';

/** What `node:http`, Express and Fastify's `raw` call for a request. */
export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

/** A framework's additions to a request: the whole path where the handler is mounted below one, and a body that was read already. */
interface Framed extends IncomingMessage {
  originalUrl?: string;
  body?: unknown;
  rawBody?: Buffer;
}

/** Lets a handler of web requests answer those of Node's servers. */
export function toNodeListener(handler: (request: Request) => Promise<Response>): NodeListener {
  const listen = getRequestListener(handler, { overrideGlobalObjects: false });
  return async (incoming: Framed, outgoing) => {
    incoming.url = incoming.originalUrl ?? incoming.url ?? '/';
    if (incoming.readableEnded && incoming.rawBody === undefined && incoming.body !== undefined) {
      incoming.rawBody = Buffer.from(JSON.stringify(incoming.body));
    }
    await listen(incoming, outgoing);
  };
}
