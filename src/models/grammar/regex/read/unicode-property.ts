import { type CodePointRange, type CodePointSet, codePointSet } from '../../gbnf/code-points.ts';

const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true });
const known = new Map<string, CodePointSet | undefined>();

/**
 * The characters of a Unicode property, such as `L` or `Script=Greek`, by the tables of this version of Node.
 * Undefined for a name it does not know. About 20 ms for each property, once.
 *
 * `name` must be a name that the parser of patterns has taken: it becomes part of an expression that V8 runs, over a
 * fixed text and without a repetition inside another.
 */
export function unicodeProperty(name: string): CodePointSet | undefined {
  if (!known.has(name)) known.set(name, scan(name));
  return known.get(name);
}

/**
 * The name that ECMAScript has for a property that other dialects shorten: `Han` is `Script=Han`, `L&` is `LC`, letters
 * in either case. A name that is none comes back as it is.
 */
export function propertyNameOf(name: string): string {
  const titled = name.toLowerCase().replace(/(^|_)[a-z]/g, (start) => start.toUpperCase());
  const bare = name.replace(/^Is_?/, '');
  const names = [name, `Script=${name}`, titled, `Script=${titled}`, bare, `Script=${bare}`];
  if (name === 'L&') names.push('LC');
  return names.find((each) => expressionFor(each) !== undefined) ?? name;
}

function scan(name: string): CodePointSet | undefined {
  const runs = expressionFor(name);
  if (runs === undefined) return undefined;
  const ranges: CodePointRange[] = [];
  for (const [start, end] of spans()) {
    const width = start >= 0x10000 ? 2 : 1;
    for (const run of textOf(start, end).matchAll(runs)) {
      const first = start + run.index / width;
      ranges.push([first, first + run[0].length / width - 1]);
    }
  }
  return codePointSet(ranges);
}

/** Everything but the halves of surrogate pairs, which would join with their neighbours and shift what follows. */
function* spans(): Generator<readonly [start: number, end: number]> {
  yield [0, 0xd800];
  yield [0xe000, 0x10000];
  for (let plane = 0x10000; plane <= 0x10ffff; plane += 0x10000) yield [plane, plane + 0x10000];
}

function textOf(start: number, end: number): string {
  const units = new Uint16Array((end - start) * (start >= 0x10000 ? 2 : 1));
  let length = 0;
  for (let point = start; point < end; point += 1) {
    if (point >= 0x10000) units[length++] = 0xd800 + ((point - 0x10000) >> 10);
    units[length++] = point < 0x10000 ? point : 0xdc00 + (point & 0x3ff);
  }
  return utf16.decode(units);
}

function expressionFor(name: string): RegExp | undefined {
  if (!/^[A-Za-z0-9_]+(?:=[A-Za-z0-9_]+)?$/.test(name)) return undefined;
  try {
    return new RegExp(`\\p{${name}}+`, 'gu');
  } catch {
    return undefined;
  }
}
