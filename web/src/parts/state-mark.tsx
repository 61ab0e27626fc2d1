type Mark = 'waiting' | 'running' | 'good' | 'bad' | 'warning' | 'off';

/** By shape as well as by colour. */
const DRAWN = {
  waiting: <circle cx="7" cy="7" r="5" class="mark-line" stroke-dasharray="2.2 1.730" />,
  running: (
    <>
      <circle cx="7" cy="7" r="5" class="mark-line" />
      <path d="M7 4.200A2.800 2.800 0 0 1 7 9.800z" class="mark-area" />
    </>
  ),
  good: (
    <>
      <circle cx="7" cy="7" r="6" class="mark-area" />
      <path d="M4.400 7.200 6.300 9 9.700 5.200" class="mark-cut" />
    </>
  ),
  bad: (
    <>
      <circle cx="7" cy="7" r="6" class="mark-area" />
      <path d="M5 5l4 4M9 5l-4 4" class="mark-cut" />
    </>
  ),
  warning: (
    <>
      <path d="M7 1.200 13.200 12.300H.8z" class="mark-area" />
      <path d="M7 5.200v3.200M7 10.300h.01" class="mark-cut" />
    </>
  ),
  off: (
    <>
      <circle cx="7" cy="7" r="5" class="mark-line" />
      <path d="M4.800 7h4.400" class="mark-line" />
    </>
  ),
} as const satisfies Record<Mark, unknown>;

/** Each word that a row's state may be, in all three systems. */
const MARKS: Readonly<Record<string, Mark>> = {
  pending: 'waiting',
  queued: 'waiting',
  waiting: 'waiting',
  processing: 'running',
  running: 'running',
  starting: 'running',
  backfill: 'running',
  backfilling: 'running',
  preparing: 'running',
  building: 'running',
  draining: 'running',
  completed: 'good',
  succeeded: 'good',
  done: 'good',
  live: 'good',
  active: 'good',
  alive: 'good',
  ready: 'good',
  valid: 'good',
  served: 'good',
  failed: 'bad',
  dead: 'bad',
  error: 'bad',
  invalid: 'bad',
  paused: 'off',
  cancelled: 'off',
  canceled: 'off',
  stopped: 'off',
  warning: 'warning',
};

/** A state by shape, colour and word. */
export function StateMark({
  state,
  mark,
  text,
}: {
  readonly state: string;
  readonly mark?: Mark;
  readonly text?: string;
}) {
  const drawn = mark ?? MARKS[state.toLowerCase()] ?? 'waiting';
  return (
    <span class={`state state-${drawn}`}>
      <svg viewBox="0 0 14 14" class="mark" aria-hidden="true" focusable="false">
        {DRAWN[drawn]}
      </svg>
      <span class="state-word">{text ?? state}</span>
    </span>
  );
}
