const WHOLE_THOUGHT = /^\s*<think>[\s\S]*?<\/think>\s*/;
const OPEN_THOUGHT = /^\s*<think>/;

/** The answer behind a thought that a model gave all the same; undefined when the thought has no end. */
export function stripThinking(text: string): string | undefined {
  const answer = text.replace(WHOLE_THOUGHT, '');
  return OPEN_THOUGHT.test(answer) ? undefined : answer;
}
