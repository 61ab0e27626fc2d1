import { Buffer } from 'node:buffer';

/** The text of a body was longer than allowed; the rest of it was not read. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/**
 * The body of an answer as text; never holds more than `maxBytes` of it.
 *
 * @throws BodyTooLarge as soon as it is known to be longer, by its header or by what came.
 */
export async function readBody(
  response: { readonly headers: Pick<Headers, 'get'>; readonly body: AsyncIterable<unknown> | null },
  maxBytes: number,
): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const isAnnouncedTooLarge = Number(response.headers.get('content-length')) > maxBytes;
  // Leaving the loop, by throwing too, cancels the rest of the body and frees the connection.
  for await (const chunk of response.body) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('The body is not made of bytes');
    bytes += chunk.byteLength;
    if (isAnnouncedTooLarge || bytes > maxBytes) throw new BodyTooLarge(`The answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}
