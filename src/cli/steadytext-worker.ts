import process from 'node:process';
import { runProgram } from './run-program.ts';

process.exit(await runProgram('steadytext-worker', process.argv.slice(2)));
