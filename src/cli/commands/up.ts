import type { CliCommand } from '../cli-command.ts';
export const upCommand: CliCommand = {
  name: 'up',
  summary: '',
  details: '',
  options: [],
  examples: [],
  logLevel: 'warn',
  run: async () => 0,
};
