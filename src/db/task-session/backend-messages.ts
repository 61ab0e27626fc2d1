/** A message of the server: its type as in the protocol, its body without type and length, and how much was left out of that. */
export type MessageListener = (type: string, body: Buffer, cutBytes?: number) => void;

const HEADER_BYTES = 5;
const NOTHING = Buffer.alloc(0);
const [DATA_ROW, COPY_DATA, ERROR, NOTICE] = ['D', 'd', 'E', 'N'].map((type) => type.charCodeAt(0));
/** A text can raise an error of a gigabyte. From this size on, its fields are cut as they come. */
const LARGE_BYTES = 1_000_000;
/** How much of each field of a large error is kept. */
export const CUT_FIELD_BYTES = 131_072;

export interface MessageReader {
  /** While false, rows and copied data are reported without their body, which is thrown away as it comes, however large. */
  keepsRows: boolean;
  feed(chunk: Buffer): void;
}

/** Cuts what a server sends into messages. */
export function createMessageReader(onMessage: MessageListener): MessageReader {
  let rest: Buffer = NOTHING;
  /** Bytes left of a message whose body is being thrown away. */
  let bytesToSkip = 0;
  /** Parts of a message that is not whole yet: put together once, as to do it for each chunk takes quadratic time. */
  let parts: Buffer[] = [];
  let bytesWanted = 0;
  let bytesHeld = 0;
  /** A large error of which more is to come. */
  let large: FieldCutter | undefined;

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
        if (large !== undefined) {
          at += large.take(rest.subarray(at));
          if (!large.isDone) continue;
          const { type, total } = large;
          const body = large.body();
          large = undefined;
          onMessage(type, body, total - body.length);
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
        if (length > LARGE_BYTES && (type === ERROR || type === NOTICE)) {
          large = createFieldCutter(String.fromCharCode(type), length - HEADER_BYTES);
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

/** Keeps the beginning of each field of a message of `total` bytes, and leaves out the rest. */
interface FieldCutter {
  readonly type: string;
  readonly total: number;
  readonly isDone: boolean;
  /** How many of the bytes were of the message. */
  take(bytes: Buffer): number;
  /** The message as the server would have sent it with shorter fields. */
  body(): Buffer;
}

function createFieldCutter(type: string, total: number): FieldCutter {
  const kept: Buffer[] = [];
  let bytesLeft = total;
  let bytesOfField = 0;
  return {
    type,
    total,
    get isDone() {
      return bytesLeft === 0;
    },
    take(bytes) {
      const own = bytes.subarray(0, bytesLeft);
      bytesLeft -= own.length;
      for (let at = 0; at < own.length; ) {
        const zero = own.indexOf(0, at);
        const end = zero === -1 ? own.length : zero;
        const part = own.subarray(at, Math.min(end, at + CUT_FIELD_BYTES - bytesOfField));
        bytesOfField += part.length;
        kept.push(Buffer.from(part));
        if (zero !== -1) {
          kept.push(Buffer.alloc(1));
          bytesOfField = 0;
        }
        at = end + 1;
      }
      return own.length;
    },
    body: () => Buffer.concat(kept),
  };
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
