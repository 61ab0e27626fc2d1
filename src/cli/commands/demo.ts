import type { CliCommand } from '../cli-command.ts';
export const demoCommand: CliCommand = {
  name: 'demo',
  summary: '',
  details: '',
  options: [],
  examples: [],
  logLevel: 'warn',
  run: async () => 0,
};
