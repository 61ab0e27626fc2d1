import { escapeLiteral } from 'pg';
import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import { programSchemaVersion } from './migration-file.ts';
import { type Audience, type RoutineFile, readRoutines } from './routine-file.ts';

/** A function of the ledger. */
interface AppliedRoutine {
  readonly schema: string;
  readonly name: string;
  readonly signature: string;
  readonly checksum: string;
  /** The checksum of what the database really has; undefined where somebody dropped it. */
  readonly bodyChecksum: string | undefined;
  readonly audience: readonly string[];
  /** The version of the schema that had no use for it any more. */
  readonly retiredIn: number | undefined;
  /** Roles other than its owner that may execute it, quoted. */
  readonly grantees: readonly string[];
  /** Ready for DROP; undefined where somebody dropped it. */
  readonly identity: string | undefined;
  /** Belongs to another role than the schema does. */
  readonly isForeign: boolean;
}

/** What differs between the functions of a database and those of this program. */
export interface RoutineChanges {
  /** Functions to be made, or made again, for whatever reason. */
  readonly changed: readonly RoutineFile[];
  /** Qualified names of those that were made from another text, or replaced by hand. */
  readonly outdated: readonly string[];
  /** Qualified names of those that the ledger has and the database has not, or has from somebody else. */
  readonly missing: readonly string[];
  /** Qualified names of those that this program has no more, and that are to be retired, or dropped a version later. */
  readonly surplus: readonly string[];
  /** What makes the database's functions those of the program; undefined when they are. For one transaction. */
  readonly text: string | undefined;
}

/** Compares the functions of this program with those of a database that has the ledger; without `db`, with none. */
export async function compareRoutines(db: Queryable | undefined): Promise<RoutineChanges> {
  const files = readRoutines();
  const applied = db === undefined ? new Map<string, AppliedRoutine>() : await readLedger(db);
  const version = programSchemaVersion();
  const isThere = (file: RoutineFile) => isOurs(applied.get(nameOf(file)));
  const isCurrent = (file: RoutineFile) => {
    const routine = applied.get(nameOf(file));
    const isSame = routine?.checksum === file.checksum && routine.bodyChecksum === file.bodyChecksum;
    return isSame && routine.retiredIn === undefined;
  };
  const outdated = files.filter((file) => isThere(file) && !isCurrent(file));
  const changed = files.filter((file) => !isThere(file) || outdated.includes(file));
  const names = new Set(files.map(nameOf));
  const gone = [...applied.values()].filter((routine) => !names.has(nameOf(routine)));
  const retired = gone.filter(({ retiredIn }) => retiredIn === undefined);
  const dropped = gone.filter(({ retiredIn }) => retiredIn !== undefined && retiredIn < version);
  const surplus = [...retired, ...dropped];
  return {
    changed,
    outdated: outdated.map(nameOf),
    missing: [...applied.values()].filter((routine) => names.has(nameOf(routine)) && !isOurs(routine)).map(nameOf),
    surplus: surplus.map(nameOf),
    text: changed.length + surplus.length === 0 ? undefined : textOf({ changed, retired, dropped, applied, version }),
  };
}

async function readLedger(db: Queryable): Promise<Map<string, AppliedRoutine>> {
  const { rows } = await db.query<{
    schema_name: string;
    name: string;
    signature: string;
    checksum: string;
    body_checksum: string | null;
    audience: string[];
    retired_in: number | null;
    identity: string | null;
    is_foreign: boolean;
    grantees: string[];
  }>(loadQuery('list_routines'));
  const routines = rows.map((row) => ({
    schema: row.schema_name,
    name: row.name,
    signature: row.signature,
    checksum: row.checksum,
    bodyChecksum: row.body_checksum ?? undefined,
    audience: row.audience,
    retiredIn: row.retired_in ?? undefined,
    identity: row.identity ?? undefined,
    isForeign: row.is_foreign,
    grantees: row.grantees,
  }));
  return new Map(routines.map((routine) => [nameOf(routine), routine]));
}

const nameOf = ({ schema, name }: { readonly schema: string; readonly name: string }) => `${schema}.${name}`;

/**
 * Whether a function is ours. In our own schema an owner that differs is set right beforehand; in others it may be a stranger's function.
 */
function isOurs(routine: AppliedRoutine | undefined): boolean {
  return routine?.identity !== undefined && (!routine.isForeign || routine.schema === 'lamplighter');
}

interface Work {
  readonly changed: readonly RoutineFile[];
  readonly retired: readonly AppliedRoutine[];
  readonly dropped: readonly AppliedRoutine[];
  readonly applied: ReadonlyMap<string, AppliedRoutine>;
  readonly version: number;
}

function textOf({ changed, retired, dropped, applied, version }: Work): string {
  const drops = dropped.map(({ identity }) => identity);
  const texts: string[] = [];
  for (const file of changed) {
    const before = applied.get(nameOf(file));
    const isReplaced = isOurs(before) && before?.signature === file.signature;
    if (!isReplaced) drops.push(before?.identity);
    else if (before.audience.some((audience) => !file.audience.includes(audience as Audience))) {
      // Whoever is still among its audience is granted it again, as after every change.
      texts.push(...before.grantees.map((role) => `revoke all on routine ${before.identity} from ${role};`));
    }
    // Replacing a function leaves it to its owner: where none of ours is, another's has to be in the way.
    texts.push(isReplaced ? file.text : file.text.replace(/^create or replace (function|procedure)/m, 'create $1'));
  }
  return [
    // Functions call each other, whatever the order of their names.
    'set local check_function_bodies = off;',
    ...drops.flatMap((identity) => (identity === undefined ? [] : [`drop routine ${identity};`])),
    ...texts.map((text) => text.trim()),
    ...retired.map((routine) => `update lamplighter.routine set retired_in = ${version} where ${isNamed(routine)};`),
    ...dropped.map((routine) => `delete from lamplighter.routine where ${isNamed(routine)};`),
    ...(changed.length === 0 ? [] : [recordText(changed)]),
  ].join('\n\n');
}

const isNamed = ({ schema, name }: AppliedRoutine) =>
  `schema_name = ${escapeLiteral(schema)} and name = ${escapeLiteral(name)}`;

/** The statement that enters functions into the ledger, each the latest of its name. */
function recordText(files: readonly RoutineFile[]): string {
  const values = files.map(({ schema, name, audience, signature, checksum }) =>
    [schema, name, `{${audience.join(',')}}`, signature, checksum].map(escapeLiteral).join(', '),
  );
  const changing = ['arguments', 'audience', 'signature', 'checksum', 'retired_in', 'applied_at', 'applied_by'];
  return [
    'insert into lamplighter.routine (schema_name, name, arguments, audience, signature, checksum)',
    'select distinct on (v.schema_name, v.name) v.schema_name, v.name, pg_get_function_identity_arguments(p.oid),',
    '       v.audience::text[], v.signature, v.checksum',
    `from (values\n${values.map((row) => `  (${row})`).join(',\n')}\n) as v (schema_name, name, audience, signature, checksum)`,
    'join pg_namespace as n on n.nspname = v.schema_name',
    'join pg_proc as p on p.pronamespace = n.oid and p.proname = v.name and p.proowner = (',
    '  select r.oid from pg_roles as r where r.rolname = current_user)',
    'order by v.schema_name, v.name, p.oid desc',
    `on conflict (schema_name, name) do update set ${changing.map((name) => `${name} = excluded.${name}`).join(', ')};`,
  ].join('\n');
}
