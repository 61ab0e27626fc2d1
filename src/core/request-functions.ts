/** The values of `steadytext_queue.function_name`: what a worker can be asked to do. */
export const REQUEST_FUNCTIONS = [
  'generate',
  'embed',
  'generate_json',
  'generate_regex',
  'generate_choice',
  'rerank',
] as const;

export type RequestFunction = (typeof REQUEST_FUNCTIONS)[number];
