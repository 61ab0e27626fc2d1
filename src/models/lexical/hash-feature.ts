/** Length of every `builtin/lexical` vector. */
export const LEXICAL_DIMENSIONS = 384;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** First state of a hash; different `salt`s give unrelated hashes of one text. */
export function startHash(salt: number): number {
  return addToHash(FNV_OFFSET, salt);
}

/** FNV-1a's step, over UTF-16 code units instead of bytes. */
export function addToHash(hash: number, codeUnit: number): number {
  return Math.imul(hash ^ codeUnit, FNV_PRIME);
}

/**
 * Adds `weight` to the one element of `vector` that `hash` picks, with the sign that it picks.
 *
 * The signs make chance collisions cancel out on average (Weinberger et al. 2009, feature hashing). Integer steps
 * only, so that every machine picks the same element.
 */
export function addHashed(vector: Float64Array, hash: number, weight: number): void {
  const mixed = finalize(hash);
  const index = Math.floor(((mixed >>> 1) * LEXICAL_DIMENSIONS) / 2 ** 31);
  vector[index] = (vector[index] ?? 0) + ((mixed & 1) === 1 ? weight : -weight);
}

/** MurmurHash3's 32-bit finaliser: FNV-1a alone leaves the high bits of short texts alike. */
function finalize(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
