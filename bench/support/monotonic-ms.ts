import process from 'node:process';

/** Milliseconds on a clock that all processes of the host share; it starts anywhere and never goes back. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
