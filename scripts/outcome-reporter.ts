import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { stripVTControlCharacters } from 'node:util';
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';
import type { TestFailure, TestOutcome } from './test-outcome.ts';

/** The environment variable with the path that the outcome is written to. */
export const OUTCOME_PATH = 'LAMPLIGHTER_TEST_OUTCOME';

/**
 * Writes what became of each test, and the first line of everything that failed: tests, hooks, files that could not be loaded and errors
 * that nobody caught. Vitest's own JSON has neither the hooks of a group nor the last.
 */
export default class OutcomeReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Promise<void> {
    const path = process.env[OUTCOME_PATH];
    if (!path) return;
    const outcome: TestOutcome = {
      tests: [],
      failures: unhandled.map((error) => ({ error: firstLine(error) })),
      files: [],
    };
    for (const module of modules) {
      const file = module.relativeModuleId;
      outcome.files.push({ file, project: module.project.name, seconds: module.diagnostic().duration / 1000 });
      outcome.failures.push(...module.errors().map((error) => ({ file, error: firstLine(error) })));
      for (const group of module.children.allSuites())
        outcome.failures.push(...failuresOf(file, group, group.errors()));
      for (const test of module.children.allTests()) {
        const { state, errors = [] } = test.result();
        const status = state === 'pending' ? 'skipped' : state;
        outcome.tests.push({ file, title: titleOf(test), status, seconds: (test.diagnostic()?.duration ?? 0) / 1000 });
        if (status === 'failed') outcome.failures.push(...failuresOf(file, test, errors.slice(0, 1)));
      }
    }
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify(outcome));
  }
}

function failuresOf(file: string, place: TestCase | TestSuite, errors: readonly SerializedError[]): TestFailure[] {
  return errors.map((error) => ({ file, title: titleOf(place), error: firstLine(error) }));
}

function titleOf(place: TestCase | TestSuite): string {
  const titles = [place.name];
  for (let parent = place.parent; parent.type !== 'module'; parent = parent.parent) titles.unshift(parent.name);
  return titles.join(' > ');
}

function firstLine({ message = 'an error without a message' }: SerializedError): string {
  return stripVTControlCharacters(message).trim().split('\n', 1).join('');
}
