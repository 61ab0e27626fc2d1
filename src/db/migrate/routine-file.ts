import { createHash } from 'node:crypto';
import { LamplighterError } from '../../core/errors.ts';
import { loadRoutines } from '../load-sql.ts';

/** Who may execute a function: those with caller or worker rights, or the schema's owner alone. Internal ones are for other functions. */
export const AUDIENCES = ['caller', 'worker', 'monitor', 'owner', 'internal'] as const;
export type Audience = (typeof AUDIENCES)[number];

/** A function of the schema, with its triggers, as its file says. */
export interface RoutineFile {
  readonly schema: string;
  readonly name: string;
  readonly audience: readonly Audience[];
  /** Parameters and result, spaces evened out: two functions of one name that differ in it cannot replace each other. */
  readonly signature: string;
  readonly text: string;
  /** sha256 of the text, hexadecimal. */
  readonly checksum: string;
  /** sha256 of what stands between its quotes, as `pg_proc.prosrc` has it: nothing for a body in the words of the SQL standard. */
  readonly bodyChecksum: string;
}

const HEADER = /^-- (\w+)\.(\w+) \((\w+(?:, \w+)*)\)\n/;

/**
 * Reads the file of a function: `-- schema.name (audience[, audience])` in its first line, then comments, `create or replace function` (or `procedure`),
 * and what belongs to it, such as its triggers.
 */
export function parseRoutine(fileName: string, text: string): RoutineFile {
  const [, schema = '', name = '', audiences = ''] = HEADER.exec(text) ?? [];
  const audience = audiences.split(', ').filter(isAudience);
  const signature = new RegExp(
    `^create or replace (?:function|procedure) ${schema}\\.${name}(\\(.*?)\\nlanguage `,
    'ms',
  ).exec(text)?.[1];
  const body = /^language .*?\bas\s+\$\$(.*?)\$\$;/ms.exec(text)?.[1] ?? '';
  if (`${name}.sql` !== fileName || audience.length !== audiences.split(', ').length || signature === undefined) {
    throw new LamplighterError(
      'CONFIG_INVALID',
      `${fileName}: expected a first line "-- schema.${fileName.replace(/\.sql$/, '')} (${AUDIENCES.join('|')})" ` +
        'and a statement "create or replace function" for the same name',
    );
  }
  return {
    schema,
    name,
    audience,
    signature: signature.replace(/\s+/g, ' '),
    text,
    checksum: sha256(text),
    bodyChecksum: sha256(body),
  };
}

/** All functions of this program, in the order of their names. */
export function readRoutines(): readonly RoutineFile[] {
  return loadRoutines().map(({ name, text }) => parseRoutine(name, text));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isAudience(word: string): word is Audience {
  return AUDIENCES.some((audience) => audience === word);
}
