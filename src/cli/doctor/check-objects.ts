import { compareObjects } from '../../db/migrate/schema-objects.ts';
import type { Finding, ServerCheck } from './check.ts';
import { ofOwnVersion } from './check-schema.ts';
import { listNames } from './list-names.ts';

/** Whether tables, columns, constraints and policies are those of this program; indexes and triggers have checks of their own. */
export const tablesCheck: ServerCheck = {
  name: 'tables',
  looksAt: 'tables, columns, constraints and policies of the schema, against those of this program',
  needs: 'schema',
  run: ({ session, schema }) =>
    ofOwnVersion(schema, async () => {
      const { missing, changed } = await compareObjects(session);
      const gone = missing.filter((words) => !/^(index|trigger) /.test(words));
      if (gone.length + changed.length === 0) return [{ state: 'ok', message: 'as this program brings them' }];
      return [
        ...brokenUnless(
          gone,
          'missing, or disabled',
          'Make them again: their statements are in sql/schema.sql of the package. Or restore a dump.',
        ),
        ...brokenUnless(
          changed,
          'not of the type that this program brings',
          'See sql/schema.sql of the package for the type, and change it back.',
        ),
      ];
    }),
};

function brokenUnless(names: readonly string[], what: string, advice: string): Finding[] {
  return names.length === 0 ? [] : [{ state: 'broken', message: `${what}: ${listNames(names)}`, advice }];
}
