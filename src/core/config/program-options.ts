import { LamplighterError } from '../errors.ts';
import { showValue } from '../show-value.ts';

const PROVIDER_METHODS = ['list', 'describe', 'load'] as const;

/**
 * Checks what client, worker and daemon take beside their own options, as JavaScript passes anything: `uri`, `directUri`, `log` and
 * `providers`.
 *
 * @throws LamplighterError CONFIG_INVALID naming the option.
 */
export function requireProgramOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const name of ['uri', 'directUri']) {
    const value = given[name];
    if (value !== undefined && typeof value !== 'string') throw invalid(name, 'a text', value);
  }
  const { log, providers = [] } = given;
  if (log !== undefined && !hasMethods(log, ['child', 'bindings', 'info'])) {
    throw invalid('log', 'a logger of pino', log);
  }
  if (!Array.isArray(providers)) throw invalid('providers', 'a list of model providers', providers);
  for (const [at, provider] of providers.entries()) {
    if (hasMethods(provider, PROVIDER_METHODS)) continue;
    throw invalid(`providers[${at}]`, `a model provider, with ${PROVIDER_METHODS.join(', ')}`, provider);
  }
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}

function invalid(name: string, expected: string, got: unknown): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${name}: expected ${expected}, got ${showValue(got)}`);
}
