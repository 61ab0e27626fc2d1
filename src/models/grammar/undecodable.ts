import type { GenerateItem } from '../port.ts';

/** What bytes that are no UTF-8 are read as, also as patterns and schemas may spell it. */
const REPLACEMENT_CHARACTER = /\ufffd|\\u\{?0*fffd/i;

/**
 * Says so where a structured output holds replacement characters that nobody asked for: text was lost there, though form and schema are
 * kept. A model that writes byte by byte can write bytes that are no UTF-8 under any grammar: the engine takes overlong forms for the
 * characters that they would be.
 */
export function undecodableIn(text: string, { prompt, output }: GenerateItem): string | undefined {
  if (!text.includes('\ufffd')) return undefined;
  const isAskedFor = REPLACEMENT_CHARACTER.test(prompt) || REPLACEMENT_CHARACTER.test(JSON.stringify(output));
  return isAskedFor ? undefined : 'The model gave bytes that are no UTF-8';
}
