import type { RequestFunction } from '../../src/core/request-functions.ts';

const SCHEMA = { type: 'object' };
const CHOICES = ['yes', 'no'];
const TASK = 'Given a web search query, retrieve relevant passages that answer the query';

/** What a function call with this text, and defaults for the rest, stores. */
export function parametersOf(functionName: RequestFunction, text: string): Readonly<Record<string, unknown>> {
  const generate = { prompt: text, max_tokens: 512, use_cache: true, seed: 42 };
  switch (functionName) {
    case 'generate':
      return generate;
    case 'generate_json':
      return { ...generate, schema: SCHEMA };
    case 'generate_regex':
      return { ...generate, pattern: 'a+' };
    case 'generate_choice':
      return { ...generate, choices: CHOICES };
    case 'embed':
      return { text_input: text, use_cache: true };
    case 'rerank':
      return { query: text, documents: CHOICES, task: TASK, use_cache: true, seed: 42 };
  }
}

/** The call itself: its arguments but priority and model. */
export function argumentsOf(functionName: RequestFunction, text: string): readonly unknown[] {
  switch (functionName) {
    case 'generate':
    case 'embed':
      return [text];
    case 'generate_json':
      return [text, JSON.stringify(SCHEMA)];
    case 'generate_regex':
      return [text, 'a+'];
    case 'generate_choice':
    case 'rerank':
      return [text, CHOICES];
  }
}
