/** The first name that an object in this JSON text has twice, which `JSON.parse` passes over. The text must be JSON. */
export function repeatedName(text: string): string | undefined {
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/gs;
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const names = open.at(-1);
      const name = String(JSON.parse(last));
      if (names?.has(name) === true) return name;
      names?.add(name);
    } else last = token;
  }
  return undefined;
}
