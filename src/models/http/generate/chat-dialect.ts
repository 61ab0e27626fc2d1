import { isAboutModel } from '../transport/missing.ts';
import type { HttpProblem } from '../transport/problem.ts';

/** How a server wants to be asked for text; servers and models differ, and only their refusals tell. */
export interface ChatDialect {
  readonly api: 'chat' | 'completions';
  readonly tokenLimit: 'max_tokens' | 'max_completion_tokens';
  readonly takesTemperature: boolean;
  readonly takesSeed: boolean;
}

/** The dialect to try after a refusal, or undefined when the refusal is not about how it was asked. */
export function adaptDialect(dialect: ChatDialect, problem: HttpProblem): ChatDialect | undefined {
  const { kind, words, param } = problem;
  if (
    dialect.api === 'chat' &&
    (kind === 'missing' ? isAboutTemplate(words) || !isAboutModel(problem) : isAboutTemplate(words))
  ) {
    return { ...dialect, api: 'completions' };
  }
  if (kind !== 'refused') return undefined;
  const mentions = (field: string) => param === field || words.includes(field);
  if (dialect.tokenLimit === 'max_tokens' && mentions('max_completion_tokens')) {
    return { ...dialect, tokenLimit: 'max_completion_tokens' };
  }
  if (
    dialect.tokenLimit === 'max_completion_tokens' &&
    mentions('max_completion_tokens') &&
    !words.includes('too large')
  ) {
    return { ...dialect, tokenLimit: 'max_tokens' };
  }
  if (dialect.takesTemperature && mentions('temperature')) return { ...dialect, takesTemperature: false };
  if (dialect.takesSeed && mentions('seed')) return { ...dialect, takesSeed: false };
  return undefined;
}

/** Models without a chat template are refused by vLLM so; OpenAI says that they are no chat models. */
function isAboutTemplate(words: string): boolean {
  return /chat template|chat_template|not a chat model/i.test(words);
}
