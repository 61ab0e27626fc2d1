import { toPrintable } from '../../core/printable.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { compareObjects, statementFor } from '../../db/migrate/schema-objects.ts';
import { type Finding, type Patient, type ServerCheck, unlessRefused } from './check.ts';
import { ofOwnVersion } from './check-schema.ts';
import { listNames } from './list-names.ts';

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
