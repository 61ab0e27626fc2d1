import { Buffer } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';

const CHUNK_BYTES = 256 * 1024;

/** A file ended, or claims sizes that it cannot hold. */
export class MalformedFile extends Error {
  override readonly name = 'MalformedFile';
}

/** Reads a file from its beginning, in little-endian order; every read throws {@link MalformedFile} at the file's end. */
export interface FileCursor {
  uint32(): Promise<number>;
  /** @throws MalformedFile beyond 2^53. */
  uint64(): Promise<number>;
  /** @throws MalformedFile when there are not so many bytes left, before anything is allocated. */
  bytes(length: number): Promise<Buffer>;
  skip(length: number): Promise<void>;
  readonly position: number;
}

/** A cursor at the beginning of a file of `size` bytes. The handle stays the caller's. */
export function createFileCursor(handle: FileHandle, size: number): FileCursor {
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
