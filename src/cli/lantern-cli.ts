import process from 'node:process';
import { exitAfterOutput } from './exit.ts';
import { runProgram } from './run-program.ts';

await exitAfterOutput(await runProgram('lantern-cli', process.argv.slice(2)));
