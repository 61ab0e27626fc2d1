import { z } from 'zod';
import { urlOf } from '../endpoint.ts';
import type { HttpReply } from '../transport/exchange.ts';
import type { Asking, HttpClient } from '../transport/http-client.ts';
import { brokenOff, garbled } from '../transport/problem.ts';
import { type AskChat, CANARY, type ChatReply, type ChatRequest, chatTimeoutMs, MAX_CHAT_BYTES } from './chat-api.ts';
import { adaptDialect, type ChatDialect } from './chat-dialect.ts';

/** Refusals in a row that are answered by asking in another way: no server objects to more than every optional field. */
const MAX_ADAPTATIONS = 5;

const partSchema = z.object({ type: z.string(), text: z.string().optional() });
const chatSchema = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({
          content: z.union([z.string(), z.array(partSchema)]).nullish(),
          refusal: z.string().nullish(),
        }),
      }),
    )
    .min(1),
});
const completionSchema = z.object({
  choices: z.array(z.object({ finish_reason: z.string().nullish(), text: z.string() })).min(1),
});

/** Asks `/chat/completions`, or `/completions` where a model has no chat template, in the words that the server takes. */
export function createOpenAiChat(client: HttpClient, model: string, first: ChatDialect): AskChat {
  let known = first;

  function bodyOf(dialect: ChatDialect, request: ChatRequest) {
    const isChat = dialect.api === 'chat';
    return {
      model,
      ...(isChat ? { messages: request.turns } : { prompt: promptOf(request) }),
      [isChat ? dialect.tokenLimit : 'max_tokens']: request.maxTokens,
      ...(dialect.takesTemperature && { temperature: request.temperature }),
      ...(dialect.takesSeed && { seed: request.seed }),
      stream: false,
      ...request.fields,
    };
  }

  async function askIn(
    dialect: ChatDialect,
    request: ChatRequest,
    asking: Asking,
    signal: AbortSignal,
  ): Promise<HttpReply> {
    const url = urlOf(client.endpoint, dialect.api === 'chat' ? '/chat/completions' : '/completions');
    const limits = { timeoutMs: chatTimeoutMs(asking), maxBytes: MAX_CHAT_BYTES };
    const bodies = { body: bodyOf(dialect, request), canary: bodyOf(dialect, CANARY) };
    return client.send({ url, ...bodies, ...limits, ...asking }, signal);
  }

  return async (request, asking, signal) => {
    let dialect = known;
    let refused: HttpReply | undefined;
    for (let adaptations = 0; ; adaptations++) {
      const reply = await askIn(dialect, request, asking, signal);
      if (reply.ok) {
        // Only what helped is kept: a refusal may speak of a field by chance.
        if (dialect !== known) known = dialect;
        return readAnswer(client, dialect, reply.value);
      }
      const adapted = adaptations < MAX_ADAPTATIONS ? adaptDialect(dialect, reply.problem) : undefined;
      if (adapted === undefined) return { ok: false, problem: problemOf(refused ?? reply, reply) };
      // Where another address is tried and is not there either, the first refusal says more.
      if (adapted.api !== dialect.api) refused = reply;
      dialect = adapted;
    }
  };
}

function problemOf(first: HttpReply, last: HttpReply) {
  const reply = !last.ok && last.problem.kind === 'missing' ? first : last;
  if (reply.ok) throw new RangeError('An answer is no problem');
  return reply.problem;
}

function promptOf({ turns }: ChatRequest): string {
  return turns.map(({ content }) => content).join('\n\n');
}

/** How servers say that an answer is not whole because they failed: gateways, vLLM as it stops, DeepSeek. */
const BROKEN_OFF: ReadonlySet<unknown> = new Set(['error', 'abort', 'insufficient_system_resource']);
/** `model_length` is Mistral's word for the end of the context. */
const CUT: ReadonlySet<unknown> = new Set(['length', 'model_length']);

function readAnswer({ endpoint }: HttpClient, { api }: ChatDialect, value: unknown): ChatReply {
  if (api === 'completions') {
    const choice = completionSchema.safeParse(value).data?.choices[0];
    if (choice === undefined)
      return { ok: false, problem: garbled(endpoint, 'gave something other than a completion') };
    if (BROKEN_OFF.has(choice.finish_reason))
      return { ok: false, problem: brokenOff(endpoint, 'broke its answer off') };
    return { ok: true, answer: { text: choice.text, isCut: CUT.has(choice.finish_reason) } };
  }
  const choice = chatSchema.safeParse(value).data?.choices[0];
  if (choice === undefined)
    return { ok: false, problem: garbled(endpoint, 'gave something other than a chat completion') };
  if (BROKEN_OFF.has(choice.finish_reason)) return { ok: false, problem: brokenOff(endpoint, 'broke its answer off') };
  const { content, refusal } = choice.message;
  const text = typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('');
  const reason =
    choice.finish_reason === 'content_filter' ? 'its content filter stopped the answer' : (refusal ?? undefined);
  return {
    ok: true,
    answer: { text, isCut: CUT.has(choice.finish_reason), ...(reason !== undefined && { refusal: reason }) },
  };
}
