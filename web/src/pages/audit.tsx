import type { AuditRow, Page } from '../../../src/dashboard/api.ts';
import { showCount } from '../format/numbers.ts';
import { pathWith, usePlace } from '../navigation/place.ts';
import { FilterSaid } from '../parts/filter-said.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Pager } from '../parts/pager.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Ago, ExactTime } from '../parts/time.tsx';
import { useAnswer } from '../server/use-answer.ts';

const COLUMNS: readonly Column<AuditRow>[] = [
  { title: 'When', class: 'cell-when', render: ({ at }) => <ExactTime at={at} /> },
  {
    title: 'Who',
    class: 'cell-who',
    render: ({ role, user }) => (
      <span title={user === undefined ? role : `${user} as ${role}`}>
        <span class="strong">{user ?? role}</span>
        {user === undefined ? null : <span class="soft"> as {role}</span>}
      </span>
    ),
  },
  {
    title: 'What',
    class: 'main',
    render: ({ action, kind, filter }) => (
      <span class="cell-chips">
        <span class="strong">
          {action} {kind}
        </span>
        <FilterSaid filter={filter} />
      </span>
    ),
  },
  { title: 'Rows', class: 'number', render: ({ count }) => showCount(count) },
  { title: 'Through', class: 'wide soft', render: ({ source }) => source },
  { title: 'Ago', class: 'number wide', render: ({ at }) => <Ago at={at} /> },
];

export function AuditPage() {
  const { query } = usePlace();
  const cursor = query.get('cursor') ?? undefined;
  const answer = useAnswer<Page<AuditRow>>(pathWith('audit', { cursor }), ['operations', 'requests', 'tasks', 'jobs']);
  const { data } = answer;
  return (
    <>
      <PageHead title="Audit" tab="Audit" />
      <Failure answer={answer} />
      <section class="card card-flush" aria-label="Audit">
        {data === undefined ? (
          answer.refusal === undefined ? (
            <Loading lines={8} />
          ) : null
        ) : data.rows.length === 0 ? (
          <Empty title="Nobody has acted yet">
            <p>
              Every action of this page and of the command line is kept here: who, what, by which filter, and on how
              many rows.
            </p>
          </Empty>
        ) : (
          <Table label="Audit" columns={COLUMNS} rows={data.rows} isStale={answer.isStale} keyOf={({ id }) => id} />
        )}
      </section>
      <Pager path="audit" filter={{}} cursor={cursor} next={data?.next} />
    </>
  );
}
