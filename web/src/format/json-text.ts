/** A piece of a JSON text and what it is, for colours. */
export interface JsonPiece {
  readonly kind: 'key' | 'string' | 'number' | 'word' | 'space';
  readonly text: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]|\s+/gy;

/**
 * A JSON text with line breaks and indentation. Strings and numbers stay as they were written, digit for digit: parsed, a number beyond 2^53
 * would be another one.
 *
 * @returns undefined when it is not JSON.
 */
export function layOutJson(text: string): readonly JsonPiece[] | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => token).filter((token) => token.trim() !== '');
  const pieces: JsonPiece[] = [];
  let depth = 0;
  const breakLine = () => pieces.push({ kind: 'space', text: `\n${'  '.repeat(depth)}` });
  for (const [at, token] of tokens.entries()) {
    const next = tokens[at + 1];
    if (token === '{' || token === '[') {
      pieces.push({ kind: 'space', text: token });
      depth += 1;
      if (next !== '}' && next !== ']') breakLine();
    } else if (token === '}' || token === ']') {
      depth -= 1;
      const former = tokens[at - 1];
      if (former !== '{' && former !== '[') breakLine();
      pieces.push({ kind: 'space', text: token });
    } else if (token === ',') {
      pieces.push({ kind: 'space', text: token });
      breakLine();
    } else if (token === ':') {
      pieces.push({ kind: 'space', text: ': ' });
    } else if (token.startsWith('"')) {
      pieces.push({ kind: next === ':' ? 'key' : 'string', text: token });
    } else {
      pieces.push({ kind: /^[tfn]/.test(token) ? 'word' : 'number', text: token });
    }
  }
  return pieces;
}
