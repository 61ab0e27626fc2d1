import type { GenerateOutput } from '../../port.ts';
import type { Problem } from '../batch/ask-alone.ts';
import type { Asking } from '../transport/http-client.ts';

export interface ChatTurn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

export interface ChatRequest {
  readonly turns: readonly ChatTurn[];
  readonly maxTokens: number;
  readonly seed: number;
  /** 0 gives the likeliest text. */
  readonly temperature: number;
  /** Fields of the body that make the server keep to a grammar. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface ChatAnswer {
  readonly text: string;
  /** True when it ended because `maxTokens` were used up. */
  readonly isCut: boolean;
  /** Why the model or a filter gave no answer, in words. */
  readonly refusal?: string;
}

export type ChatReply = { readonly ok: true; readonly answer: ChatAnswer } | Problem;

/** How one API is asked for text. Rejects only with the signal's reason. */
export type AskChat = (request: ChatRequest, asking: Asking, signal: AbortSignal) => Promise<ChatReply>;

/** A question that every model answers soon. 16 is the least number of tokens that some servers take. */
export const CANARY: ChatRequest = {
  turns: [{ role: 'user', content: 'Say yes.' }],
  maxTokens: 16,
  seed: 42,
  temperature: 0,
  fields: {},
};

/** Longest wait for one text of a caller without a limit of its own: 4096 tokens at 7 a second. */
const CHAT_TIMEOUT_MS = 600_000;

/** How long to wait for one text: for what is left of the caller's limit. */
export function chatTimeoutMs({ work }: Asking): number {
  return work?.leftMs(CHAT_TIMEOUT_MS) ?? CHAT_TIMEOUT_MS;
}

/** Longest answer: 4096 tokens are some 20 kB. */
export const MAX_CHAT_BYTES = 8 * 1024 * 1024;

/** An output that not every text is. */
export type StructuredOutput = Exclude<GenerateOutput, { kind: 'plain' }>;
