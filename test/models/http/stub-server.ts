import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What comes to all addresses together, as tests look into it; each has the fields of its own API. */
export interface StubBody {
  readonly input: string[];
  readonly encoding_format?: string;
  readonly texts: string[];
  readonly documents: string[];
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly response_format: { readonly type: string; readonly json_schema: unknown };
  readonly grammar: string;
  readonly prompt: string;
  readonly seed?: number;
  readonly temperature?: number;
  readonly [field: string]: unknown;
}

export interface StubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** The JSON that came; undefined, against its type, when none did. */
  readonly body: StubBody;
  /** The same as it came. */
  readonly text: string;
  /** Aborts when the client goes away. */
  readonly gone: AbortSignal;
}

/** What to answer: JSON with 200, or whatever the function does to the response. */
export type StubAnswer = {
  readonly json: unknown;
  readonly status?: number;
  readonly headers?: Record<string, string>;
};
export type StubHandler = (
  request: StubRequest,
  response: ServerResponse,
  socket: Socket,
) => StubAnswer | undefined | Promise<StubAnswer | undefined>;

export interface StubServer {
  readonly url: string;
  /** Every request, in order of arrival. */
  readonly requests: StubRequest[];
  /** Replaces what it does. */
  handle(handler: StubHandler): void;
  stop(): Promise<void>;
}

/** A server of models on this machine that does whatever a test says; answers 404 until then. */
export async function startStubServer(first: StubHandler = () => ({ status: 404, json: {} })): Promise<StubServer> {
  let handler = first;
  const requests: StubRequest[] = [];
  const server = createServer((incoming, response) => {
    void serve(incoming, response).catch(() => response.destroy());
  });
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: text === '' ? undefined : JSON.parse(text),
      text,
      gone: gone.signal,
    };
    requests.push(request);
    const answer = await handler(request, response, incoming.socket);
    if (answer === undefined) return;
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.json));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server has one
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    handle(next) {
      handler = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A vector of some length that depends on the text: as numbers, not normalised. */
export function stubVector(text: string, dimensions = 4): number[] {
  return Array.from(
    { length: dimensions },
    (_, i) => 1 + ((text.length * 7 + i * 3) % 5) + (text.codePointAt(0) ?? 0) / 100,
  );
}

/** Base64 of float32, as OpenAI sends it. */
export function base64Of(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString('base64');
}

/** The answer of `/embeddings` to `{input, encoding_format}`. */
export function embeddingsAnswer(body: { input: string[]; encoding_format?: string }, dimensions = 4): StubAnswer {
  const data = body.input.map((text, index) => {
    const vector = stubVector(text, dimensions);
    return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? base64Of(vector) : vector };
  });
  return { json: { object: 'list', data } };
}

/** The answer of `/chat/completions` with that text. */
export function chatAnswer(content: string, finish_reason = 'stop'): StubAnswer {
  return { json: { choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason }] } };
}
