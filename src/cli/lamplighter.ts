import process from 'node:process';
import { runProgram } from './run-program.ts';

process.exit(await runProgram('lamplighter', process.argv.slice(2)));
