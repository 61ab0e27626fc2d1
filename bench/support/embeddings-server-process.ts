/**
 * A server that gives embeddings at once, as OpenAI and as Ollama serve them, in a process of its own, so that its work is nobody's.
 * The first two numbers of a vector tell the number at the end of its text, so that a stale vector is known; see embeddings-server.ts.
 * Its parent asks by message for the time of the first request since it asked last.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { z } from 'zod';
import { DIMENSIONS, STALE_AFTER } from './embeddings-server.ts';

const Asked = z.object({
  input: z.union([z.string().transform((text) => [text]), z.array(z.string())]).default([]),
  encoding_format: z.string().optional(),
});

/** Half of the length is in the first two numbers. */
const REST = Array.from({ length: DIMENSIONS - 2 }, () => Math.sqrt(0.5 / (DIMENSIONS - 2)));
const REST_TEXT = REST.map((value) => value.toFixed(8)).join(',');
const WHOLE = Buffer.from(new Float32Array([0, 0, ...REST]).buffer);
let firstMs: number | undefined;

function headOf(text: string): readonly [number, number] {
  const angle = ((Number(/\d+$/.exec(text)?.[0] ?? 0) % STALE_AFTER) / STALE_AFTER) * Math.PI;
  return [Math.SQRT1_2 * Math.cos(angle), Math.SQRT1_2 * Math.sin(angle)];
}

function asNumbers(text: string): string {
  const [first, second] = headOf(text);
  return `[${first.toFixed(8)},${second.toFixed(8)},${REST_TEXT}]`;
}

function asBase64(text: string): string {
  const [first, second] = headOf(text);
  WHOLE.writeFloatLE(first, 0);
  WHOLE.writeFloatLE(second, 4);
  return `"${WHOLE.toString('base64')}"`;
}

async function read(request: IncomingMessage): Promise<z.infer<typeof Asked>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer); // no encoding is set
  return Asked.parse(parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString()));
}

async function answer(request: IncomingMessage): Promise<string | undefined> {
  const { input, encoding_format: format } = await read(request);
  if (input.length > 0) firstMs ??= Date.now();
  if (request.url === '/api/show')
    return JSON.stringify({ model_info: { 'general.architecture': 'bert', 'bert.context_length': 512 }, details: {} });
  if (request.url === '/api/embed')
    return `{"model":"null","embeddings":[${input.map(asNumbers).join(',')}],"prompt_eval_count":${input.length}}`;
  if (request.url !== '/v1/embeddings') return undefined;
  const render = format === 'base64' ? asBase64 : asNumbers;
  const data = input.map((text, index) => `{"object":"embedding","index":${index},"embedding":${render(text)}}`);
  const usage = `{"prompt_tokens":${input.length},"total_tokens":${input.length}}`;
  return `{"object":"list","data":[${data.join(',')}],"model":"null","usage":${usage}}`;
}

const server = createServer((request, response) => {
  answer(request)
    .then((text) => {
      response.statusCode = text === undefined ? 404 : 200;
      response.setHeader('content-type', 'application/json');
      response.end(text ?? '{}');
    })
    .catch(() => {
      response.statusCode = 400;
      response.end('{}');
    });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('message', () => {
  process.send?.({ firstMs });
  firstMs = undefined;
});
process.on('disconnect', () => process.exit());
process.send?.({ port: (server.address() as AddressInfo).port }); // it listens on TCP
