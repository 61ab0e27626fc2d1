/** A message of the server: its type as in the protocol, and its body without type and length. */
export type MessageListener = (type: string, body: Buffer) => void;

const HEADER_BYTES = 5;
const NOTHING = Buffer.alloc(0);
const [DATA_ROW, COPY_DATA] = ['D', 'd'].map((type) => type.charCodeAt(0));

export interface MessageReader {
  /** While false, rows and copied data are reported without their body, which is thrown away as it comes, however large. */
  keepsRows: boolean;
  feed(chunk: Buffer): void;
}

/** Cuts what a server sends into messages. */
export function createMessageReader(onMessage: MessageListener): MessageReader {
  let rest: Buffer = NOTHING;
  /** Of a message whose body is being thrown away. */
  let bytesToSkip = 0;
  /** Parts of a message that is not whole yet: put together once, as to do it for each chunk takes quadratic time. */
  let parts: Buffer[] = [];
  let bytesWanted = 0;
  let bytesHeld = 0;

  function hold(chunk: Buffer, wanted: number): void {
    parts = [Buffer.from(chunk)];
    bytesHeld = chunk.length;
    bytesWanted = wanted;
  }

  const reader: MessageReader = {
    keepsRows: true,
    feed(chunk) {
      if (bytesWanted > 0) {
        parts.push(chunk);
        bytesHeld += chunk.length;
        if (bytesHeld < bytesWanted) return;
        rest = Buffer.concat(parts, bytesHeld);
        parts = [];
        bytesWanted = 0;
      } else rest = chunk;
      let at = 0;
      while (at < rest.length) {
        if (bytesToSkip > 0) {
          const skipped = Math.min(bytesToSkip, rest.length - at);
          bytesToSkip -= skipped;
          at += skipped;
          continue;
        }
        const left = rest.length - at;
        if (left < HEADER_BYTES) return hold(rest.subarray(at), HEADER_BYTES);
        const type = rest.readUInt8(at);
        const length = 1 + rest.readUInt32BE(at + 1);
        if (!reader.keepsRows && (type === DATA_ROW || type === COPY_DATA)) {
          onMessage(String.fromCharCode(type), NOTHING);
          bytesToSkip = length - HEADER_BYTES;
          at += HEADER_BYTES;
          continue;
        }
        if (left < length) return hold(rest.subarray(at), length);
        onMessage(String.fromCharCode(type), rest.subarray(at + HEADER_BYTES, at + length));
        at += length;
      }
      rest = NOTHING;
    },
  };
  return reader;
}

/** The text up to the next zero byte, and where the one after it begins. */
export function readCString(body: Buffer, at: number): { readonly text: Buffer; readonly next: number } {
  const end = body.indexOf(0, at);
  return end === -1 ? { text: body.subarray(at), next: body.length } : { text: body.subarray(at, end), next: end + 1 };
}

/** The columns of a row, as text; undefined for NULL. */
export function readDataRow(body: Buffer): (string | undefined)[] {
  const values: (string | undefined)[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length === -1 ? undefined : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return values;
}

/** The names of the columns to come. */
export function readRowDescription(body: Buffer): string[] {
  const names: string[] = [];
  const BYTES_AFTER_NAME = 18;
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const { text, next } = readCString(body, at);
    names.push(text.toString('utf8'));
    at = next + BYTES_AFTER_NAME;
  }
  return names;
}
