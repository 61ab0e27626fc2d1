import { escapeLiteral } from 'pg';
import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import { type RoutineFile, readRoutines } from './routine-file.ts';

/** A function of the ledger. */
interface AppliedRoutine {
  readonly schema: string;
  readonly name: string;
  readonly signature: string;
  readonly checksum: string;
  /** Ready for DROP; undefined where somebody dropped it. */
  readonly identity: string | undefined;
  /** Belongs to another role than the schema does. */
  readonly isForeign: boolean;
}

/** What differs between the functions of a database and those of this program. */
export interface RoutineChanges {
  /** Those to be made, or made again, for whatever reason. */
  readonly changed: readonly RoutineFile[];
  /** Qualified names of those that were made from another text. */
  readonly outdated: readonly string[];
  /** Qualified names of those that the ledger has and the database has not, or has from somebody else. */
  readonly missing: readonly string[];
  /** Qualified names of those that this program has no more. */
  readonly surplus: readonly string[];
  /** What makes the database's functions those of the program; undefined when they are. For one transaction. */
  readonly text: string | undefined;
}

/** Compares the functions of this program with those of a database that has the ledger; without `db`, with none. */
export async function compareRoutines(db: Queryable | undefined): Promise<RoutineChanges> {
  const files = readRoutines();
  const applied = db === undefined ? new Map<string, AppliedRoutine>() : await readLedger(db);
  const isThere = (file: RoutineFile) => isOurs(applied.get(nameOf(file)));
  const outdated = files.filter((file) => isThere(file) && applied.get(nameOf(file))?.checksum !== file.checksum);
  const changed = files.filter((file) => !isThere(file) || outdated.includes(file));
  const names = new Set(files.map(nameOf));
  const surplus = [...applied.values()].filter((routine) => !names.has(nameOf(routine)));
  return {
    changed,
    outdated: outdated.map(nameOf),
    missing: [...applied.values()].filter((routine) => !isOurs(routine)).map(nameOf),
    surplus: surplus.map(nameOf),
    text: changed.length + surplus.length === 0 ? undefined : textOf(changed, surplus, applied),
  };
}

async function readLedger(db: Queryable): Promise<Map<string, AppliedRoutine>> {
  const { rows } = await db.query<{
    schema_name: string;
    name: string;
    signature: string;
    checksum: string;
    identity: string | null;
    is_foreign: boolean;
  }>(loadQuery('list_routines'));
  const routines = rows.map(({ schema_name: schema, name, signature, checksum, identity, is_foreign: isForeign }) => ({
    schema,
    name,
    signature,
    checksum,
    identity: identity ?? undefined,
    isForeign,
  }));
  return new Map(routines.map((routine) => [nameOf(routine), routine]));
}

const nameOf = ({ schema, name }: { readonly schema: string; readonly name: string }) => `${schema}.${name}`;

/** In our own schema an owner that differs is set right beforehand; in others it may be a stranger's function in place of ours. */
function isOurs(routine: AppliedRoutine | undefined): boolean {
  return routine?.identity !== undefined && (!routine.isForeign || routine.schema === 'lamplighter');
}

function textOf(
  changed: readonly RoutineFile[],
  surplus: readonly AppliedRoutine[],
  applied: ReadonlyMap<string, AppliedRoutine>,
): string {
  const drops = surplus.map(({ identity }) => identity);
  const texts: string[] = [];
  for (const file of changed) {
    const before = applied.get(nameOf(file));
    const isReplaced = isOurs(before) && before?.signature === file.signature;
    if (!isReplaced) drops.push(before?.identity);
    // Replacing a function leaves it to its owner: where none of ours is, another's has to be in the way.
    texts.push(isReplaced ? file.text : file.text.replace(/^create or replace function/m, 'create function'));
  }
  return [
    // Functions call each other, whatever the order of their names.
    'set local check_function_bodies = off;',
    ...drops.flatMap((identity) => (identity === undefined ? [] : [`drop function ${identity};`])),
    ...texts.map((text) => text.trim()),
    ...surplus.map(forgetText),
    ...(changed.length === 0 ? [] : [recordText(changed)]),
  ].join('\n\n');
}

const forgetText = ({ schema, name }: AppliedRoutine) =>
  `delete from lamplighter.routine where schema_name = ${escapeLiteral(schema)} and name = ${escapeLiteral(name)};`;

/** The statement that enters functions into the ledger, each the latest of its name. */
function recordText(files: readonly RoutineFile[]): string {
  const values = files.map(({ schema, name, audience, signature, checksum }) =>
    [schema, name, `{${audience.join(',')}}`, signature, checksum].map(escapeLiteral).join(', '),
  );
  const changing = ['arguments', 'audience', 'signature', 'checksum', 'applied_at', 'applied_by'];
  return [
    'insert into lamplighter.routine (schema_name, name, arguments, audience, signature, checksum)',
    'select distinct on (v.schema_name, v.name) v.schema_name, v.name, pg_get_function_identity_arguments(p.oid),',
    '       v.audience::text[], v.signature, v.checksum',
    `from (values\n${values.map((row) => `  (${row})`).join(',\n')}\n) as v (schema_name, name, audience, signature, checksum)`,
    'join pg_namespace as n on n.nspname = v.schema_name',
    'join pg_proc as p on p.pronamespace = n.oid and p.proname = v.name and p.proowner = current_user::regrole',
    'order by v.schema_name, v.name, p.oid desc',
    `on conflict (schema_name, name) do update set ${changing.map((name) => `${name} = excluded.${name}`).join(', ')};`,
  ].join('\n');
}
