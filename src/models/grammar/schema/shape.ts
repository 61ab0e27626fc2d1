import { canonicalJson, type JsonValue } from '../../json-value.ts';
import { GrammarTooLarge, Refused } from '../output-grammar.ts';
import { at } from './read/keyword-reader.ts';
import type { Conjunction, JsonType, SchemaSite } from './read/schema-site.ts';

/** Most alternatives that the combinations of one schema may come to. */
const MOST_SHAPES = 500;

/**
 * One alternative of what a schema allows: values of these types, only those listed if any are, that the keywords of
 * every site agree to (the site's own ones; what `allOf`, `anyOf` and references say has sites of its own).
 */
export interface Shape {
  readonly types: ReadonlySet<JsonType>;
  readonly values: readonly JsonValue[] | undefined;
  readonly sites: readonly SchemaSite[];
}

const ANYTHING: readonly Shape[] = [
  { types: new Set(['null', 'boolean', 'number', 'string', 'array', 'object']), values: undefined, sites: [] },
];

/**
 * Works out the alternatives of schemas that all hold. Alternatives may overlap; none is repeated.
 *
 * @throws Refused for a schema that refers to itself without a value in between.
 * @throws GrammarTooLarge where combinations multiply beyond the budget.
 */
export function createShapeFinder(): (conjunction: Conjunction) => readonly Shape[] {
  const known = new Map<number, readonly Shape[]>();
  const onPath = new Set<number>();

  const shapesOfAll = (conjunction: Conjunction): readonly Shape[] =>
    conjunction.reduce((shapes, site) => meet(shapes, shapesOf(site)), ANYTHING);

  const shapesOf = (site: SchemaSite): readonly Shape[] => {
    const found = known.get(site.id);
    if (found !== undefined) return found;
    if (onPath.has(site.id)) {
      throw new Refused(`Schema ${at(site.pointer)} refers to itself with nothing in between`);
    }
    if (onPath.size >= MOST_SHAPES)
      throw new GrammarTooLarge(`Schema ${at(site.pointer)} is too deep a chain of references`);
    onPath.add(site.id);
    let shapes: readonly Shape[] = [ownShape(site)];
    for (const part of site.all) shapes = meet(shapes, shapesOf(part));
    for (const options of site.choices) shapes = meet(shapes, distinct(options.flatMap(shapesOfAll)));
    onPath.delete(site.id);
    known.set(site.id, shapes);
    return shapes;
  };

  return shapesOfAll;
}

function ownShape(site: SchemaSite): Shape {
  const { types, values, number, string, array, object, needsCheck } = site;
  const says = number !== undefined || string !== undefined || array !== undefined || object !== undefined;
  return { types, values, sites: says || needsCheck ? [site] : [] };
}

function meet(some: readonly Shape[], others: readonly Shape[]): readonly Shape[] {
  if (some.length * others.length > MOST_SHAPES) {
    throw new GrammarTooLarge(`The schema combines to more than ${MOST_SHAPES} alternatives`);
  }
  return distinct(some.flatMap((one) => others.map((other) => meetTwo(one, other))));
}

function meetTwo(one: Shape, other: Shape): Shape {
  return {
    types: commonTypes(one.types, other.types),
    values: commonValues(one.values, other.values),
    sites: [...new Set([...one.sites, ...other.sites])],
  };
}

function commonTypes(some: ReadonlySet<JsonType>, others: ReadonlySet<JsonType>): ReadonlySet<JsonType> {
  const common = new Set<JsonType>();
  for (const type of some) {
    if (others.has(type)) common.add(type);
    else if (type === 'number' && others.has('integer')) common.add('integer');
    else if (type === 'integer' && others.has('number')) common.add('integer');
  }
  return common;
}

function commonValues(
  some: readonly JsonValue[] | undefined,
  others: readonly JsonValue[] | undefined,
): readonly JsonValue[] | undefined {
  if (some === undefined || others === undefined) return some ?? others;
  const texts = new Set(others.map(canonicalJson));
  return some.filter((value) => texts.has(canonicalJson(value)));
}

/** The shapes without those that nothing fits and those that say the same. */
function distinct(shapes: readonly Shape[]): readonly Shape[] {
  if (shapes.length > MOST_SHAPES) {
    throw new GrammarTooLarge(`The schema combines to more than ${MOST_SHAPES} alternatives`);
  }
  const byText = new Map<string, Shape>();
  for (const shape of shapes) {
    if (shape.types.size === 0 || shape.values?.length === 0) continue;
    const ids = shape.sites.map(({ id }) => id).sort((a, b) => a - b);
    const key = `${[...shape.types].sort().join()} ${ids.join()} ${shape.values === undefined ? '' : canonicalJson(shape.values)}`;
    if (!byText.has(key)) byText.set(key, shape);
  }
  return [...byText.values()];
}
