/** What a server says in the body of an error. */
export interface ServerWords {
  /** Its message in one line, cut; empty when it said nothing that can be shown. */
  readonly text: string;
  /** The parameter it objects to, where it names one. */
  readonly param: string | undefined;
  /** Its own code of the error, such as `context_length_exceeded`. */
  readonly code: string | undefined;
}

const MAX_LENGTH = 300;
const MESSAGE_KEYS = ['message', 'detail', 'error', 'msg', 'error_message', 'errors'];

/**
 * The words in an error body of any common shape: OpenAI's `{error: {message}}`, `{error: "..."}`, `{message}`, FastAPI's
 * `{detail: [{msg}]}`, or plain text. A page of HTML gives none.
 *
 * `mask` is applied before the text is cut, so that no half of a secret is left.
 */
export function readServerWords(body: string, contentType: string, mask: (text: string) => string): ServerWords {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    const isText = contentType.startsWith('text/plain');
    return { text: isText ? tidy(mask(body)) : '', param: undefined, code: undefined };
  }
  const error = memberOf(parsed, 'error') ?? parsed;
  const text = tidy(mask(messageIn(parsed, 0) ?? ''));
  return { text, param: textOf(memberOf(error, 'param')), code: textOf(memberOf(error, 'code')) };
}

function messageIn(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value;
  if (depth > 4 || typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return messageIn(value[0], depth + 1);
  for (const key of MESSAGE_KEYS) {
    const found = messageIn(memberOf(value, key), depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key]; // an object of unknown members
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function tidy(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH).trimEnd()}...` : line;
}
