import { toPrintable } from '../../core/printable.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { listMissingRights } from '../../db/migrate/missing-rights.ts';
import { compareObjects, statementFor } from '../../db/migrate/schema-objects.ts';
import { type Finding, listNames, type Patient, type ServerCheck, unlessRefused } from './check.ts';
import { ofOwnVersion } from './check-schema.ts';

/** Whether tables, columns, constraints and policies are those of this program; indexes and triggers have checks of their own. */
export const tablesCheck: ServerCheck = {
  name: 'tables',
  looksAt: 'tables, columns, constraints and policies of the schema, against those of this program',
  needs: 'schema',
  run: ({ session, schema }) =>
    ofOwnVersion(schema, async () => {
      const { missing, changed } = await compareObjects(session);
      const gone = missing.filter((words) => !/^(index|trigger) /.test(words));
      if (gone.length + changed.length === 0) return [{ state: 'ok', message: 'as this program ships them' }];
      return [
        ...brokenUnless(
          gone,
          'missing, or disabled',
          'Make them again: their statements are in sql/schema.sql of the package. Or restore a dump.',
        ),
        ...brokenUnless(
          changed,
          'not of the type that this program ships',
          'See sql/schema.sql of the package for the type, and change it back.',
        ),
      ];
    }),
};

function brokenUnless(names: readonly string[], what: string, advice: string): Finding[] {
  return names.length === 0 ? [] : [{ state: 'broken', message: `${what}: ${listNames(names)}`, advice }];
}

interface RightsRow {
  role: string;
  is_owner: boolean;
  may_queue: boolean;
  may_work: boolean;
  /** Workers may, too. */
  may_monitor: boolean;
}

/** What the role may do. */
export const rightsCheck: ServerCheck = {
  name: 'rights',
  looksAt: 'what this role may do, and for the owner what granted roles lack',
  needs: 'schema',
  async run({ session }): Promise<readonly Finding[]> {
    const [row] = (await session.query<RightsRow>(loadQuery('read_role_rights'))).rows;
    if (row === undefined) return [];
    const { role, is_owner: isOwner, may_queue: mayQueue, may_work: mayWork, may_monitor: mayMonitor } = row;
    if (isOwner) {
      const missing = (await listMissingRights(session)).map((note): Finding => {
        const [message = note, statement] = note.split('; run: ');
        return { state: 'broken', message, advice: `As the owner of the database or the schema: ${statement ?? ''}` };
      });
      return [{ state: 'ok', message: `${role} owns the schema` }, ...missing];
    }
    const may = [
      ...(mayQueue ? ['queue requests'] : []),
      ...(mayWork ? ['run workers'] : []),
      ...(mayMonitor && !mayWork ? ['see the figures of all roles'] : []),
    ];
    if (may.length > 0) return [{ state: 'ok', message: `${role} may ${may.join(' and ')}` }];
    return [
      {
        state: 'broken',
        message: `${role} may neither queue requests nor run workers`,
        advice: `As the owner: lamplighter migrate --grant ${role}, or --grant-worker ${role}, or for figures alone --grant-monitor ${role}`,
      },
    ];
  },
};

interface DisabledRow {
  readonly name: string;
  readonly statement: string;
}

interface LostCaptureRow {
  readonly job_id: string;
  readonly table_name: string;
  readonly is_disabled: boolean;
  readonly statement: string | null;
}

/** Triggers of the schema, and those by which changes of embedded tables are captured. */
export const triggersCheck: ServerCheck = {
  name: 'triggers',
  looksAt: 'triggers of the schema and of embedded tables that are missing or disabled',
  needs: 'schema',
  async run(patient) {
    const findings = [
      ...(await ofOwnVersion(patient.schema, () => ownFindings(patient))),
      ...(await unlessRefused('the owner of the schema, for the tables of embedding jobs', () =>
        captureFindings(patient),
      )),
    ];
    return findings.length === 0 ? [{ state: 'ok', message: 'all are there and fire' }] : findings;
  },
};

async function ownFindings({ session }: Patient): Promise<Finding[]> {
  const disabled = (await session.query<DisabledRow>(loadQuery('list_disabled_triggers'))).rows;
  const isDisabled = new Set(disabled.map(({ name }) => name));
  const { missing } = await compareObjects(session);
  const gone = missing.filter((words) => words.startsWith('trigger ') && !isDisabled.has(words));
  const found = [
    { names: gone, what: 'dropped', statements: gone.flatMap((words) => statementFor(words) ?? []) },
    {
      names: disabled.map(({ name }) => name),
      what: 'disabled',
      statements: disabled.map(({ statement }) => statement),
    },
  ];
  return found
    .filter(({ names }) => names.length > 0)
    .map(({ names, what, statements }) => ({
      state: 'broken',
      message: `${what}: ${listNames(names)}`,
      advice: `As the owner: ${statements.join('; ')}`,
    }));
}

async function captureFindings({ session }: Patient): Promise<Finding[]> {
  const { rows } = await session.query<LostCaptureRow>(loadQuery('list_lost_captures'));
  return rows.map(({ job_id: jobId, table_name: table, is_disabled: isDisabled, statement }) => ({
    state: 'warning',
    message: toPrintable(
      `changes of ${table} are not captured for job ${jobId}: its trigger is ${isDisabled ? 'disabled' : 'not there'}; only passes find them`,
    ),
    advice: toPrintable(
      isDisabled
        ? `As the table's owner: ${statement ?? ''}; then lamplighter jobs resync ${jobId}`
        : 'Nothing, where a daemon runs: it makes the trigger again within a minute. Else: lamplighter start-daemon',
    ),
  }));
}
