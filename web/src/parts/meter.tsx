interface MeterProps {
  /** 0 to 100. */
  readonly percent: number;
  readonly label: string;
  readonly tone?: 'running' | 'good' | 'bad' | 'off';
}

/** How much of a whole is done. */
export function Meter({ percent, label, tone = 'running' }: MeterProps) {
  const bounded = Math.max(0, Math.min(100, percent));
  return (
    <div
      class={`meter meter-${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(bounded)}
    >
      <div class="meter-done" style={{ width: `${bounded}%` }} />
    </div>
  );
}
