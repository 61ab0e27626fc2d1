import { flagVariable } from '../core/config/define-config.ts';
import type { Env } from '../core/env.ts';
import { suggest } from '../core/suggest.ts';
import { workerConfig } from '../worker/config.ts';
import type { CliCommand } from './cli-command.ts';

/** Variables that no flag has; a test finds them in the sources. */
export const OTHER_VARIABLES = [
  'LAMPLIGHTER_DEMO_GGUF',
  'LAMPLIGHTER_DIRECT_URL',
  'LAMPLIGHTER_LLAMA_CONTEXT',
  'LAMPLIGHTER_LLAMA_GPU',
  'LAMPLIGHTER_LLAMA_THREADS',
  'LAMPLIGHTER_LOG_LEVEL',
  'LAMPLIGHTER_MODEL_DIR',
  'LAMPLIGHTER_OPENAI_API',
  'LAMPLIGHTER_OPENAI_SERVER',
] as const;

/** A prefix of ours, and names after it that are the user's: connections of embedding jobs. */
const PREFIXES = ['LAMPLIGHTER_', 'STEADYTEXT_WORKER_'];
const USERS_OWN = /^LAMPLIGHTER_DB_/;

/** One line for each variable that looks like one of ours and is none: what was meant by it has no effect. */
export function warnOfUnknownVariables(env: Env, commands: readonly CliCommand[]): string[] {
  const known = new Set<string>([
    ...OTHER_VARIABLES,
    ...commands.flatMap(({ options }) => options.map(({ flag }) => flagVariable(flag))),
    ...Object.values(workerConfig.options).flatMap((source) => [
      flagVariable(source.flag),
      ...('legacyVariable' in source ? [source.legacyVariable] : []),
    ]),
  ]);
  return PREFIXES.flatMap((prefix) => {
    // Compared without the prefix, in which they are all alike.
    const ends = [...known].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    const unknown = Object.keys(env).filter(
      (name) => name.startsWith(prefix) && !known.has(name) && !USERS_OWN.test(name),
    );
    return unknown.sort().map((name) => {
      const meant = suggest(name.slice(prefix.length), ends);
      const hint = meant === undefined ? '' : ` (did you mean "${prefix}${meant}"?)`;
      return `${name} is no variable of Lamplighter and has no effect${hint}`;
    });
  });
}
