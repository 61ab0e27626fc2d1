import type { GenerateOutput } from '../../port.ts';

/** An output that not every text is. */
export type StructuredOutput = Exclude<GenerateOutput, { kind: 'plain' }>;
