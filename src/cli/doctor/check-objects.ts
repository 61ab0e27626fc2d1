import { compareLedger, UNINSTALL_ADVICE } from '../../db/migrate/ledger.ts';
import { recordText } from '../../db/migrate/migration-plan.ts';
import { compareObjects } from '../../db/migrate/schema-objects.ts';
import type { SchemaState } from '../../db/migrate/schema-state.ts';
import type { Session } from '../../db/session.ts';
import type { Finding } from './check.ts';

/** Names that are listed; more are counted. */
const NAMED = 5;

export function listNames(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}

/** Whether tables, columns, constraints, indexes, triggers and policies are those of this program, and the ledger of migrations, too. */
export async function checkObjects(session: Session, schema: SchemaState): Promise<Finding[]> {
  const { missing, changed } = await compareObjects(session);
  const isWhole = missing.length + changed.length === 0;
  const subject = 'tables';
  return [
    ...(isWhole ? [{ state: 'ok', subject, says: 'as this program brings them' } as const] : []),
    ...brokenUnless(
      missing,
      'missing, or disabled',
      'Make them again: their statements are in sql/schema.sql of the package. Or restore a dump.',
    ),
    ...brokenUnless(
      changed,
      'not of the type that this program brings',
      'See sql/schema.sql of the package for the type, and change it back.',
    ),
    ...ledgerFindings(schema, isWhole),
  ];

  function brokenUnless(names: readonly string[], what: string, fix: string): Finding[] {
    return names.length === 0 ? [] : [{ state: 'broken', subject, says: `${what}: ${listNames(names)}`, fix }];
  }
}

function ledgerFindings(schema: SchemaState, isWhole: boolean): Finding[] {
  const { edited, unrecorded } = compareLedger(schema);
  const subject = 'ledger';
  return [
    ...edited.map((file): Finding => {
      const statement = `UPDATE lamplighter.migration SET checksum = '${file.checksum}' WHERE number = ${file.number}`;
      const says = `lamplighter.migration has another checksum for ${file.name} than this program, so that nothing can be migrated`;
      return { state: 'broken', subject, says, fix: isWhole ? `As the owner: ${statement}` : UNINSTALL_ADVICE };
    }),
    ...unrecorded.map((file): Finding => {
      const says = `lamplighter.migration does not have ${file.name}, so that nothing can be migrated`;
      return { state: 'broken', subject, says, fix: isWhole ? `As the owner: ${recordText(file)}` : UNINSTALL_ADVICE };
    }),
  ];
}
