// C0 but for tab and line feed, DEL and C1, and what turns the direction of text around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
// The same as JSON escapes them.
const ESCAPED = /\\u00(?:0[0-8bcef]|1[0-9a-f]|7f)/gi;
const REPLACEMENT = '\ufffd';

/** The text without what would steer a terminal: names, texts and errors from the database may hold anything. */
export function toPrintable(text: string): string {
  return text.replace(UNPRINTABLE, REPLACEMENT);
}

/** The same for JSON: what stands there as an escape would become a control character again when it is read. */
export function toPrintableJson(json: string): string {
  return toPrintable(json).replace(ESCAPED, REPLACEMENT);
}
