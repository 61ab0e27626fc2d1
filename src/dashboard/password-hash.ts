import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

// As OWASP advises for scrypt: 16 MB and some 100 ms for each try.
const COST = { N: 16_384, r: 8, p: 5 };
const KEY_BYTES = 32;
/** No line may ask for more memory than this, or for ever. */
const MAX = { N: 2 ** 17, r: 16, p: 16 };

/** How a password is kept: `scrypt$N$r$p$salt$key`, salt and key in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** A hash that was read. */
export interface PasswordHash {
  /** Takes as long for a wrong password as for the right one. */
  verify(password: string): Promise<boolean>;
}

/** Reads what {@link hashPassword} wrote; undefined for anything else. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, N, r, p, salt = '', key = ''] =
    /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]{16,})\$([\w-]{43})$/.exec(text) ?? [];
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const isPowerOfTwo = cost.N > 1 && Number.isInteger(Math.log2(cost.N));
  if (!isPowerOfTwo || cost.N > MAX.N || !(cost.r >= 1 && cost.r <= MAX.r) || !(cost.p >= 1 && cost.p <= MAX.p)) {
    return undefined;
  }
  const expected = Buffer.from(key, 'base64url');
  return {
    verify: async (password) => timingSafeEqual(await derive(password, Buffer.from(salt, 'base64url'), cost), expected),
  };
}

function derive(password: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  const maxmem = 256 * cost.N * cost.r;
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, KEY_BYTES, { ...cost, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
