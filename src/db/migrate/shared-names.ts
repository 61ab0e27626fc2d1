import { loadMigrations, loadRoutines } from '../load-sql.ts';
import { readRoutines } from './routine-file.ts';

/** A name of the product in a schema where users have objects of their own, such as `public`. */
export interface SharedName {
  readonly schema: string;
  readonly name: string;
}

/** Tables, views and sequences outside the private schema, as the migrations and the files of functions make them. */
export function sharedRelations(): readonly SharedName[] {
  return [
    ...sharedTables().flatMap(({ schema, name, body }) => [
      { schema, name },
      ...[...body.matchAll(/^ {2}(\w+) \w+ generated (?:always|by default) as identity/gm)].map(([, column]) => ({
        schema,
        name: `${name}_${column}_seq`,
      })),
    ]),
    ...find(/^create (?:or replace )?(?:view|sequence) (\w+)\.(\w+)/gm),
  ];
}

/** All names that the product needs outside its private schema: relations, indexes (those of constraints included) and functions. */
export function sharedNames(): readonly SharedName[] {
  const indexes = [...sqlText().matchAll(/^create (?:unique )?index (\w+) on (\w+)\./gm)].map(
    ([, name = '', schema = '']) => ({ schema, name }),
  );
  const constraints = sharedTables().flatMap(({ schema, body }) =>
    [...body.matchAll(/constraint (\w+) (?:primary key|unique|exclude)/g)].map(([, name = '']) => ({ schema, name })),
  );
  const names = [...readRoutines(), ...sharedRelations(), ...indexes.filter(isShared), ...constraints];
  return names.filter(isShared).map(({ schema, name }) => ({ schema, name }));
}

/** The names as two parallel arrays, which queries take. */
export function inParallel(names: readonly SharedName[]): [schemas: string[], names: string[]] {
  return [names.map(({ schema }) => schema), names.map(({ name }) => name)];
}

/** The schemas of {@link sharedNames} that the product may have made, as it has not made `public`. */
export function sharedSchemas(): readonly string[] {
  return [...new Set(sharedNames().map(({ schema }) => schema))].filter((schema) => schema !== 'public');
}

const isShared = ({ schema }: SharedName) => schema !== 'lamplighter';

const sqlText = () => [...loadMigrations(), ...loadRoutines()].map(({ text }) => text).join('\n');

function find(pattern: RegExp): SharedName[] {
  return [...sqlText().matchAll(pattern)].map(([, schema = '', name = '']) => ({ schema, name })).filter(isShared);
}

function sharedTables(): (SharedName & { readonly body: string })[] {
  const pattern = /^create table (\w+)\.(\w+) \((.*?)^\)/gms;
  return [...sqlText().matchAll(pattern)]
    .map(([, schema = '', name = '', body = '']) => ({ schema, name, body }))
    .filter(isShared);
}
