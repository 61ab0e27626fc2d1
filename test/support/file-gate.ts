import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Holds up answers of the test runtime, in whatever process, until a test opens it. */
export interface FileGate extends Disposable {
  /** Put into a text, it makes the answer wait. */
  readonly step: string;
  open(): void;
}

export function createFileGate(): FileGate {
  const path = join(tmpdir(), `lamplighter-gate-${randomBytes(6).toString('hex')}`);
  return {
    step: `!wait-for:${path}`,
    open: () => writeFileSync(path, ''),
    [Symbol.dispose]: () => rmSync(path, { force: true }),
  };
}
