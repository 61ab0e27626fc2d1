import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export interface HashFileOptions {
  readonly signal: AbortSignal;
  /** Told how many bytes more have been read. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** SHA-256 of a file, in hex. */
export async function sha256OfFile(path: string, options: HashFileOptions): Promise<string> {
  return (await updateFromFile(createHash('sha256'), path, options)).digest('hex');
}

/** The id that git gives to a file of that size: SHA-1 over a header and the contents. */
export async function gitIdOfFile(path: string, size: number, options: HashFileOptions): Promise<string> {
  return (await updateFromFile(createHash('sha1').update(`blob ${size}\0`), path, options)).digest('hex');
}

/** Feeds a file to a hash, and gives the hash back. */
export async function updateFromFile(hash: Hash, path: string, { signal, onBytes }: HashFileOptions): Promise<Hash> {
  const stream = createReadStream(path, { highWaterMark: 1 << 20, signal });
  for await (const chunk of stream) {
    const bytes: Buffer = chunk;
    hash.update(bytes);
    onBytes?.(bytes.length);
  }
  return hash;
}
