/** The backends that hold what a task waits for. */
export function Pids({ pids }: { readonly pids: readonly number[] }) {
  if (pids.length === 0) return null;
  return (
    <span class="blocked" title="Process ids of the sessions that hold what it waits for">
      blocked by <span class="mono">{pids.join(', ')}</span>
    </span>
  );
}
