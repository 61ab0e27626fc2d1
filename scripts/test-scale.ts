/**
 * Runs test/scaling: a worker on replicas of Ray Serve. The Python is the one of `LAMPLIGHTER_TEST_RAY_PYTHON`, else `python3` where that has
 * Ray, else one in an environment of its own, which is fetched once from the Python package index (300 MB). Arguments go to vitest.
 */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { messageOf } from '../src/core/errors.ts';
import { findPython } from '../test/support/python.ts';
import { runVitest } from './run-vitest.ts';
import { countOf, placeOf } from './test-outcome.ts';

const run = promisify(execFile);
const REQUIREMENTS = new URL('../examples/scaling/requirements.txt', import.meta.url);

async function findRay(): Promise<string> {
  const given = process.env['LAMPLIGHTER_TEST_RAY_PYTHON'];
  if (given) return given;
  try {
    await run('python3', ['-c', 'import ray.serve, onnxruntime, tokenizers'], { timeout: 60_000 });
    return 'python3';
  } catch {
    const python = await findPython(REQUIREMENTS, { timeoutMs: 900_000 });
    if (typeof python === 'string') throw new Error(python);
    return python.path;
  }
}

try {
  const { isOk, seconds, outcome } = await runVitest(['--project', 'scaling', ...process.argv.slice(2)], {
    LAMPLIGHTER_TEST_RAY_PYTHON: await findRay(),
  });
  for (const failure of outcome?.failures ?? []) console.log(`failed: ${placeOf(failure)}: ${failure.error}`);
  const count = (status: 'passed' | 'skipped') => (outcome === undefined ? 0 : countOf(outcome, status));
  const isGood = isOk && count('passed') > 0;
  const failed = outcome?.failures.length ?? 0;
  console.log(
    `${isGood ? 'ok    ' : 'FAILED'} scaling: ${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped (${seconds.toFixed(0)} s)`,
  );
  if (!isGood) process.exitCode = 1;
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
