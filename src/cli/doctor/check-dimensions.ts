import { toPrintable } from '../../core/printable.ts';
import { loadQuery } from '../../db/load-sql.ts';
import type { ServerCheck } from './check.ts';

interface MisfitRow {
  readonly job_id: string;
  readonly table_name: string;
  readonly column_name: string;
  readonly model: string;
  readonly dimensions: number;
  readonly type: string;
  readonly fitting_type: string;
}

/** Whether the vectors of each job fit into its column. */
export const dimensionsCheck: ServerCheck = {
  name: 'dimensions',
  looksAt: "columns of embedding jobs whose dimensions are not those of the job's model",
  needs: 'schema',
  async run({ session }) {
    const { rows } = await session.query<MisfitRow>(loadQuery('list_misfit_columns'));
    return rows.map((row) => ({
      state: 'broken',
      message: toPrintable(
        `job ${row.job_id}: ${row.table_name}.${row.column_name} is ${row.type}, and the vectors of ${row.model} have ${row.dimensions} dimensions`,
      ),
      advice: toPrintable(
        `As the table's owner, without the vectors that are there: ALTER TABLE ${row.table_name} ALTER COLUMN ${row.column_name} TYPE ${row.fitting_type} USING NULL`,
      ),
    }));
  },
};
