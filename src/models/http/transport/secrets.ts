import { Buffer } from 'node:buffer';

const MASK = '[redacted]';
/** What is shorter is no secret, and to mask it would garble every text. */
const MIN_LENGTH = 4;
/** Length from which on a text that holds the key did not come by it by chance; `EMPTY` and `ollama` are common dummies. */
const TELLING_LENGTH = 16;

/** Keeps the keys of an endpoint out of everything that is shown, logged or stored. */
export interface Secrets {
  /** The text without any of the secrets: as they are, or as JSON, a URL or base64 would write them. */
  mask(text: string): string;
  /** True for a text that holds a secret too long to be there by chance. */
  isIn(text: string): boolean;
}

/** Knows the given values, except those that are absent or too short to be secret. */
export function createSecrets(values: readonly (string | undefined)[]): Secrets {
  const known = values.filter((value) => value !== undefined && value.length >= MIN_LENGTH) as string[]; // narrowed by the filter
  // Longest first, so that no form is left half masked by a shorter one.
  const forms = [...new Set(known.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const telling = known.filter((value) => value.length >= TELLING_LENGTH);
  return {
    mask: (text) => forms.reduce((masked, form) => masked.replaceAll(form, MASK), text),
    isIn: (text) => telling.some((secret) => text.includes(secret)),
  };
}

function formsOf(secret: string): string[] {
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    Buffer.from(secret).toString('base64url'),
  ];
}
