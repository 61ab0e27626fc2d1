import { afterAll } from 'vitest';
import { endProcesses } from './process.ts';

/** Runs for each test file, also where files share their modules. */
afterAll(endProcesses);
