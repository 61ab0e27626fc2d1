import { useState } from 'preact/hooks';
import type { ActionOutcome, FunctionRow, SettingRow } from '../../../src/dashboard/api.ts';
import { tell } from '../actions/act.ts';
import { Icon } from '../parts/icon.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { ask } from '../server/ask.ts';
import { useMay } from '../server/session.ts';
import { useAnswer } from '../server/use-answer.ts';

const SETTINGS: readonly Column<SettingRow>[] = [
  {
    title: 'Setting',
    class: 'main',
    render: ({ name, meaning }) => (
      <div class="cell-lines">
        <span class="cell-line mono strong">{name}</span>
        {meaning === undefined ? null : <span class="cell-text soft">{meaning}</span>}
      </div>
    ),
  },
  {
    title: 'Value',
    class: 'cell-value mono',
    render: ({ value }) => (value === '' ? <span class="nothing">empty</span> : <span title={value}>{value}</span>),
  },
  {
    title: 'From',
    class: 'cell-origin',
    render: ({ origin }) => <span class={origin === 'default' ? 'soft' : undefined}>{origin}</span>,
  },
];

export function SettingsPage() {
  const functions = useAnswer<readonly FunctionRow[]>('functions', ['workers', 'requests']);
  const settings = useAnswer<readonly SettingRow[]>('settings', ['workers']);
  return (
    <>
      <PageHead title="Settings" tab="Settings" />
      <section class="card card-flush" aria-label="Functions">
        <h2 class="card-title card-title-inset">
          Functions <span class="soft">paused ones take requests and run none</span>
        </h2>
        <Failure answer={functions} />
        {functions.data === undefined ? (
          functions.refusal === undefined ? (
            <Loading lines={5} />
          ) : null
        ) : functions.data.length === 0 ? (
          <Empty title="No functions" />
        ) : (
          <Functions rows={functions.data} onDone={functions.reload} />
        )}
      </section>
      <section class="card card-flush" aria-label="Settings">
        <h2 class="card-title card-title-inset">
          Settings <span class="soft">and where each value comes from</span>
        </h2>
        <Failure answer={settings} />
        {settings.data === undefined ? (
          settings.refusal === undefined ? (
            <Loading lines={8} />
          ) : null
        ) : settings.data.length === 0 ? (
          <Empty title="No settings" />
        ) : (
          <Table
            label="Settings"
            columns={SETTINGS}
            rows={settings.data}
            keyOf={({ name, origin }) => `${name} ${origin}`}
          />
        )}
      </section>
    </>
  );
}

function Functions({ rows, onDone }: { readonly rows: readonly FunctionRow[]; onDone(): void }) {
  const mayPause = useMay('admin');
  const [busy, setBusy] = useState<string>();
  const turn = async ({ name, isPaused }: FunctionRow) => {
    setBusy(name);
    const verb = isPaused ? 'resume' : 'pause';
    await tell(`${verb}d`, 'function', () =>
      ask<ActionOutcome>(`functions/${encodeURIComponent(name)}/${verb}`, { body: {} }),
    );
    setBusy(undefined);
    onDone();
  };
  const columns: readonly Column<FunctionRow>[] = [
    { title: 'Function', class: 'main', render: ({ name }) => <span class="strong">{name}</span> },
    {
      title: 'State',
      class: 'cell-state',
      render: ({ isPaused }) => (
        <StateMark state={isPaused ? 'paused' : 'active'} text={isPaused ? 'Paused' : 'Active'} />
      ),
    },
    {
      title: 'Since',
      class: 'cell-origin',
      render: ({ isPaused, pausedBy, pausedAt }) =>
        isPaused ? (
          <span>
            {pausedAt === undefined ? null : <Ago at={pausedAt} />}
            {pausedBy === undefined ? null : <span class="soft"> by {pausedBy}</span>}
          </span>
        ) : (
          <span class="nothing">–</span>
        ),
    },
    ...(mayPause
      ? [
          {
            title: 'Actions',
            isTitleUnseen: true,
            class: 'cell-actions',
            render: (row: FunctionRow) => (
              <button
                type="button"
                class="button button-small"
                disabled={busy !== undefined}
                aria-label={`${row.isPaused ? 'Resume' : 'Pause'} ${row.name}`}
                onClick={() => void turn(row)}
              >
                <Icon name={row.isPaused ? 'resume' : 'pause'} /> {row.isPaused ? 'Resume' : 'Pause'}
              </button>
            ),
          },
        ]
      : []),
  ];
  return <Table label="Functions" columns={columns} rows={rows} keyOf={({ name }) => name} />;
}
