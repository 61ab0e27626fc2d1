/** What the program tells the shell. */
export const EXIT = { done: 0, failed: 1, badUsage: 2, interrupted: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
