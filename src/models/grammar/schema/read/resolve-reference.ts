import { isJsonObject, type JsonSchema, type JsonValue } from '../../../json-value.ts';
import { Refused } from '../../output-grammar.ts';
import { at, isList, pointerTo } from './keyword-reader.ts';
import { NAMED_SCHEMAS, PLAIN_VALUES } from './keywords.ts';

/** Finds what references of one document name. */
export interface ReferenceResolver {
  /**
   * The JSON pointer, in the one spelling that {@link pointerTo} gives, of the schema that a `$ref` at `from` names.
   *
   * @throws Refused for a reference into another document, and for one that leads nowhere.
   */
  resolve(reference: string, from: string): string;
}

/** A resolver that looks for anchors once, when the first is named. */
export function createReferenceResolver(document: JsonSchema): ReferenceResolver {
  let anchors: ReadonlyMap<string, string> | undefined;
  const pointerOf = (fragment: string): string | undefined => {
    if (fragment === '' || fragment.startsWith('/')) return spelled(fragment);
    anchors ??= anchorsOf(document);
    return anchors.get(fragment);
  };
  return {
    resolve(reference, from) {
      const fragment = fragmentOf(document, reference);
      if (fragment === undefined) {
        throw new Refused(`Schema reference "${reference}" ${at(from)} leaves the document; only "#..." is supported`);
      }
      const pointer = pointerOf(fragment);
      if (pointer === undefined || schemaAt(document, pointer) === undefined) {
        throw new Refused(`Schema reference "${reference}" ${at(from)} leads nowhere`);
      }
      return pointer;
    },
  };
}

/** What a pointer leads to, when it is a schema. */
export function schemaAt(document: JsonSchema, pointer: string): JsonSchema | undefined {
  let value: JsonValue | undefined = document;
  for (const step of stepsOf(pointer)) {
    if (isList(value)) value = /^(0|[1-9]\d*)$/.test(step) ? value[Number(step)] : undefined;
    else if (isJsonObject(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return typeof value === 'boolean' || isJsonObject(value) ? value : undefined;
}

function fragmentOf(document: JsonSchema, reference: string): string | undefined {
  const [base = '', fragment = ''] = reference.split('#', 2);
  const id = isJsonObject(document) ? (document['$id'] ?? document['id']) : undefined;
  if (base !== '' && !(typeof id === 'string' && base === id.split('#', 1)[0])) return undefined;
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

function spelled(pointer: string): string {
  return pointerTo('', ...stepsOf(pointer));
}

function stepsOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The pointers of all `$anchor`s; of two of one name, the first. */
function anchorsOf(document: JsonSchema): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const walk = (value: JsonValue, pointer: string, isSchema: boolean): void => {
    if (isList(value)) for (const [index, item] of value.entries()) walk(item, pointerTo(pointer, index), isSchema);
    if (!isJsonObject(value)) return;
    for (const keyword of isSchema ? ['$anchor', '$dynamicAnchor'] : []) {
      const name = value[keyword];
      if (typeof name === 'string' && !found.has(name)) found.set(name, pointer);
    }
    for (const [key, child] of Object.entries(value)) {
      if (!(isSchema && PLAIN_VALUES.has(key)))
        walk(child, pointerTo(pointer, key), !(isSchema && NAMED_SCHEMAS.has(key)));
    }
  };
  walk(document, '', true);
  return found;
}
