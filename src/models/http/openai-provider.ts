import { type Clock, systemClock } from '../../core/clock.ts';
import type { Env } from '../../core/env.ts';
import { showValue } from '../../core/show-value.ts';
import type { ModelProvider } from '../provider.ts';
import { type Endpoint, type EndpointProblem, isEndpointProblem, parseEndpoint } from './endpoint.ts';
import type { ChatDialect } from './generate/chat-dialect.ts';
import { createHttpProvider } from './http-provider.ts';
import { ANY_MODEL, knownOpenAiModel } from './known-models.ts';
import { SERVER_KINDS } from './server/server-facts.ts';

const VARIABLES = {
  baseUrl: 'OPENAI_BASE_URL',
  key: 'OPENAI_API_KEY',
  defaultBaseUrl: 'https://api.openai.com/v1',
} as const;
const SERVER_VARIABLE = 'LAMPLIGHTER_OPENAI_SERVER';
const API_VARIABLE = 'LAMPLIGHTER_OPENAI_API';
const APIS: readonly ChatDialect['api'][] = ['chat', 'completions'];

export interface HttpProviderOptions {
  /** Read once: addresses, keys, proxies. */
  readonly env: Env;
  readonly clock?: Clock;
}

/**
 * Serves `openai/NAME` through any OpenAI-compatible server: `OPENAI_BASE_URL`, with the key in `OPENAI_API_KEY`.
 *
 * What program the server is decides how structured output is asked for; it is found out when a model is loaded, or said by
 * `LAMPLIGHTER_OPENAI_SERVER`. A server that is down at that time is asked again later. Text comes from its chat, or from
 * plain completion where it has no chat or `LAMPLIGHTER_OPENAI_API=completions` says so, for models without a template.
 */
export function createOpenAiProvider({ env, clock = systemClock }: HttpProviderOptions): ModelProvider {
  const endpoint = readEndpoint(env);
  const given = oneOf(SERVER_KINDS, env[SERVER_VARIABLE]);
  const api = oneOf(APIS, env[API_VARIABLE]) ?? 'chat';
  return createHttpProvider({
    runtime: 'openai',
    endpoint,
    knownModel: (server, model) => (server.isDefault ? knownOpenAiModel(model) : ANY_MODEL),
    inputTypeProblem: ({ isDefault }) => (isDefault ? "OpenAI's models do not tell input types apart" : undefined),
    async load(server, selection, model, signal) {
      const { loadOpenAiModel } = await import('./load-openai-model.ts');
      return loadOpenAiModel({ env, clock, endpoint: server, given, api, selection, model }, signal);
    },
  });
}

function readEndpoint(env: Env): Endpoint | EndpointProblem {
  const endpoint = parseEndpoint(env, VARIABLES);
  if (isEndpointProblem(endpoint)) return endpoint;
  // Given without a path, the address is that of the server, whose API is below /v1.
  if (endpoint.baseUrl.pathname === '/') endpoint.baseUrl.pathname = '/v1';
  return choiceProblem(env, SERVER_VARIABLE, SERVER_KINDS) ?? choiceProblem(env, API_VARIABLE, APIS) ?? endpoint;
}

function choiceProblem(env: Env, variable: string, choices: readonly string[]): EndpointProblem | undefined {
  const value = env[variable];
  if (value === undefined || choices.includes(value)) return undefined;
  const reason = `${variable} is ${showValue(value)}, which is none of ${choices.join(', ')}`;
  return { reason, hint: `Unset ${variable}, or set it to one of these.` };
}

function oneOf<T extends string>(choices: readonly T[], value: string | undefined): T | undefined {
  return choices.find((choice) => choice === value);
}
