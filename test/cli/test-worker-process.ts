/** The command line with the test runtime, whose models do what their texts say. */
import process from 'node:process';
import { runProgram } from '../../src/cli/run-program.ts';
import { createTestProvider } from '../support/test-runtime.ts';

process.exit(await runProgram('lamplighter', process.argv.slice(2), { providers: [createTestProvider()] }));
