import { canonicalJson, type JsonValue } from '../../../json-value.ts';
import { Refused } from '../../refused.ts';
import { at, type KeywordReader } from './keyword-reader.ts';
import { ALL_TYPES, type CheckedSchema, type JsonType } from './schema-site.ts';

const TYPES: ReadonlySet<string> = new Set(['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']);

/** What `type` allows; every type when it is absent. */
export function readTypes(
  reader: KeywordReader,
  checked: { [keyword: string]: JsonValue | CheckedSchema },
): ReadonlySet<JsonType> {
  const given = reader.value('type');
  if (given === undefined) return ALL_TYPES;
  const names = typeof given === 'string' ? [given] : reader.texts('type');
  const types = new Set<JsonType>();
  for (const name of names ?? []) {
    if (!isType(name)) throw new Refused(`Schema type "${name}" ${at(reader.pointer)} is not known`);
    types.add(name);
  }
  if (types.size === 0) throw new Refused(`Schema keyword "type" ${at(reader.pointer)} must not be empty`);
  checked['type'] = [...types];
  if (types.has('number')) types.delete('integer');
  return types;
}

/** The values that `enum` and `const` leave; undefined when both are absent. */
export function readValues(
  reader: KeywordReader,
  checked: { [keyword: string]: JsonValue | CheckedSchema },
): readonly JsonValue[] | undefined {
  const list = reader.list('enum');
  const constant = reader.value('const');
  if (list !== undefined) {
    if (list.length === 0) throw new Refused(`Schema keyword "enum" ${at(reader.pointer)} must not be empty`);
    checked['enum'] = list;
  }
  if (constant === undefined) return list;
  checked['const'] = constant;
  const text = canonicalJson(constant);
  return list === undefined ? [constant] : list.filter((value) => canonicalJson(value) === text);
}

function isType(name: string): name is JsonType {
  return TYPES.has(name);
}
