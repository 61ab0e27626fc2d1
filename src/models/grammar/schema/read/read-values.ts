import { heldExactly, isExactNumber } from '../../../json/json-number.ts';
import { canonicalJson, type JsonValue } from '../../../json-value.ts';
import { Refused } from '../../output-grammar.ts';
import { at, boundedNumber, isList, type KeywordReader } from './keyword-reader.ts';
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
  const list = reader.list('enum')?.map((value) => exactly(value, 'enum', reader.pointer));
  const constant = exactly(reader.value('const'), 'const', reader.pointer);
  if (list !== undefined) {
    if (list.length === 0) throw new Refused(`Schema keyword "enum" ${at(reader.pointer)} must not be empty`);
    checked['enum'] = list;
  }
  if (constant === undefined) return list;
  checked['const'] = constant;
  const text = canonicalJson(constant);
  return list === undefined ? [constant] : list.filter((value) => canonicalJson(value) === text);
}

/**
 * The value with its numbers in the form that texts of JSON are read in, whoever made it.
 *
 * @throws Refused for a number that is too long
 */
function exactly<Value extends JsonValue | undefined>(
  value: Value,
  keyword: string,
  pointer: string,
): Value | JsonValue {
  if (typeof value === 'number') return heldExactly(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isExactNumber(value)) {
    boundedNumber(value, keyword, pointer);
    return value;
  }
  if (isList(value)) return value.map((item) => exactly(item, keyword, pointer));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, exactly(item, keyword, pointer)]));
}

function isType(name: string): name is JsonType {
  return TYPES.has(name);
}
