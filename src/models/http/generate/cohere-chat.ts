import { z } from 'zod';
import { rootUrlOf } from '../endpoint.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { brokenOff, garbled } from '../transport/problem.ts';
import { type AskChat, CANARY, type ChatRequest, chatTimeoutMs, MAX_CHAT_BYTES } from './chat-api.ts';

const answerSchema = z.object({
  finish_reason: z.string().nullish(),
  message: z.object({ content: z.array(z.object({ type: z.string(), text: z.string().optional() })).nullish() }),
});

/** How Cohere says that an answer is not whole because it failed. */
const BROKEN_OFF: ReadonlySet<unknown> = new Set(['ERROR', 'TIMEOUT']);

/** Asks Cohere's `/v2/chat`. */
export function createCohereChat(client: HttpClient, model: string): AskChat {
  const bodyOf = ({ turns, maxTokens, seed, temperature, fields }: ChatRequest) => {
    return { model, messages: turns, max_tokens: maxTokens, temperature, seed, stream: false, ...fields };
  };
  const url = rootUrlOf(client.endpoint, '/v2/chat');

  return async (request, asking, signal) => {
    const limits = { timeoutMs: chatTimeoutMs(asking), maxBytes: MAX_CHAT_BYTES };
    const question = { url, body: bodyOf(request), canary: bodyOf(CANARY), ...limits, ...asking };
    const reply = await client.send(question, signal);
    if (!reply.ok) return reply;
    const answer = answerSchema.safeParse(reply.value).data;
    if (answer === undefined) {
      return { ok: false, problem: garbled(client.endpoint, 'gave something other than a chat answer') };
    }
    if (BROKEN_OFF.has(answer.finish_reason)) {
      return { ok: false, problem: brokenOff(client.endpoint, 'broke its answer off') };
    }
    const text = (answer.message.content ?? []).map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
    const isFiltered = answer.finish_reason === 'ERROR_TOXIC';
    return {
      ok: true,
      answer: {
        text,
        isCut: answer.finish_reason === 'MAX_TOKENS',
        ...(isFiltered && { refusal: 'its content filter stopped the answer' }),
      },
    };
  };
}
