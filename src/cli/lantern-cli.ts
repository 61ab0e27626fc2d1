import process from 'node:process';
import { runProgram } from './run-program.ts';

process.exit(await runProgram('lantern-cli', process.argv.slice(2)));
