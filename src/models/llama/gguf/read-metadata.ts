import { Buffer } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';

/** Keys and values that are texts, numbers or booleans; lists are left out. */
export type GgufMetadata = ReadonlyMap<string, string | number | boolean>;

const MAGIC = 'GGUF';
const VERSIONS: readonly number[] = [2, 3];
/** More would be no model that anybody made. */
const MAX_ENTRIES = 1_000_000;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

const TEXT = 8;
const LIST = 9;

/** Sizes and readers of the fixed-size value types, by their number in the format. */
const SCALARS: Readonly<Record<number, readonly [bytes: number, read: (at: Buffer) => number | boolean]>> = {
  0: [1, (at) => at.readUInt8()],
  1: [1, (at) => at.readInt8()],
  2: [2, (at) => at.readUInt16LE()],
  3: [2, (at) => at.readInt16LE()],
  4: [4, (at) => at.readUInt32LE()],
  5: [4, (at) => at.readInt32LE()],
  6: [4, (at) => at.readFloatLE()],
  7: [1, (at) => at.readUInt8() !== 0],
  10: [8, (at) => Number(at.readBigUInt64LE())],
  11: [8, (at) => Number(at.readBigInt64LE())],
  12: [8, (at) => at.readDoubleLE()],
};

/**
 * The metadata of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), read without an engine and
 * without its weights.
 *
 * @throws MalformedFile when it is no GGUF file of version 2 or 3, or is cut off before its weights.
 */
export async function readGgufMetadata(path: string): Promise<GgufMetadata> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const cursor = createFileCursor(handle, size);
    if (size < 24 || (await cursor.bytes(4)).toString('latin1') !== MAGIC)
      throw new MalformedFile('it is no GGUF file');
    const version = await cursor.uint32();
    if (!VERSIONS.includes(version)) throw new MalformedFile(`its GGUF version is ${version}, not 2 or 3`);
    const tensors = await countOf(cursor);
    const entries = await countOf(cursor);
    const metadata = new Map<string, string | number | boolean>();
    for (let left = entries; left > 0; left -= 1) {
      const key = await textOf(cursor);
      const value = await readValue(cursor, await cursor.uint32());
      if (value !== undefined) metadata.set(key, value);
    }
    const lastStart = await lastTensorStart(cursor, tensors);
    if (cursor.position + lastStart >= size) throw new MalformedFile('it is cut off');
    return metadata;
  } finally {
    await handle.close();
  }
}

async function countOf(cursor: FileCursor): Promise<number> {
  const count = await cursor.uint64();
  if (count > MAX_ENTRIES) throw new MalformedFile(`it claims ${count} entries`);
  return count;
}

async function textOf(cursor: FileCursor): Promise<string> {
  const length = await cursor.uint64();
  if (length > MAX_TEXT_BYTES) throw new MalformedFile(`it claims a text of ${length} bytes`);
  return (await cursor.bytes(length)).toString('utf8');
}

async function readValue(cursor: FileCursor, type: number): Promise<string | number | boolean | undefined> {
  if (type === TEXT) return textOf(cursor);
  if (type === LIST) return skipList(cursor);
  const [bytes, read] = scalarOf(type);
  return read(await cursor.bytes(bytes));
}

async function skipList(cursor: FileCursor): Promise<undefined> {
  const type = await cursor.uint32();
  const length = await cursor.uint64();
  if (type !== TEXT) {
    // Lists of lists are in the format, but in no model.
    await cursor.skip(length * scalarOf(type)[0]);
    return;
  }
  for (let left = length; left > 0; left -= 1) await cursor.skip(await cursor.uint64());
}

function scalarOf(type: number): readonly [bytes: number, read: (at: Buffer) => number | boolean] {
  const scalar = SCALARS[type];
  if (scalar === undefined) throw new MalformedFile(`it has a value of the unknown type ${type}`);
  return scalar;
}

/** Where the last tensor begins, counted from the end of what describes them. */
async function lastTensorStart(cursor: FileCursor, tensors: number): Promise<number> {
  let last = 0;
  for (let left = tensors; left > 0; left -= 1) {
    await textOf(cursor);
    const dimensions = await cursor.uint32();
    await cursor.skip(dimensions * 8 + 4);
    last = Math.max(last, await cursor.uint64());
  }
  return last;
}

const CHUNK_BYTES = 256 * 1024;

/** A file ended, or claims sizes that it cannot hold. */
class MalformedFile extends Error {
  override readonly name = 'MalformedFile';
}

/** Reads a file from its beginning, in little-endian order; every read throws {@link MalformedFile} at the file's end. */
interface FileCursor {
  uint32(): Promise<number>;
  /** @throws MalformedFile beyond 2^53. */
  uint64(): Promise<number>;
  /** @throws MalformedFile when there are not so many bytes left, before anything is allocated. */
  bytes(length: number): Promise<Buffer>;
  skip(length: number): Promise<void>;
  readonly position: number;
}

/** A cursor at the beginning of a file of `size` bytes. The handle stays the caller's. */
function createFileCursor(handle: FileHandle, size: number): FileCursor {
  let chunk: Buffer = Buffer.alloc(0);
  let chunkStart = 0;
  let position = 0;

  async function take(length: number): Promise<Buffer> {
    if (!(length >= 0 && position + length <= size)) throw new MalformedFile('it is cut off');
    if (position < chunkStart || position + length > chunkStart + chunk.length) {
      const wanted = Buffer.alloc(Math.min(Math.max(length, CHUNK_BYTES), size - position));
      const { bytesRead } = await handle.read(wanted, 0, wanted.length, position);
      if (bytesRead < length) throw new MalformedFile('it is cut off');
      chunk = wanted.subarray(0, bytesRead);
      chunkStart = position;
    }
    const start = position - chunkStart;
    position += length;
    return chunk.subarray(start, start + length);
  }

  return {
    bytes: take,
    uint32: async () => (await take(4)).readUInt32LE(),
    async uint64() {
      const value = Number((await take(8)).readBigUInt64LE());
      if (!Number.isSafeInteger(value)) throw new MalformedFile(`it claims a size of ${value}`);
      return value;
    },
    async skip(length) {
      if (!(length >= 0 && position + length <= size)) throw new MalformedFile('it is cut off');
      position += length;
    },
    get position() {
      return position;
    },
  };
}
