import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Random } from '../../properties/random.ts';
import { chatAnswer, embeddingsAnswer, type StubAnswer, type StubHandler, type StubRequest } from './stub-server.ts';
import type { TestClock } from './support.ts';

/** What a server does with a text that it can never answer; `kill` takes it down for a while. */
export const POISONS = ['500', '502', '503', '403', 'cut', 'garbled', 'mute', 'hang', 'kill'] as const;
export type Poison = (typeof POISONS)[number];

/** What a server does while it is down; `flaky` breaks on three of ten requests. */
export const OUTAGES = ['500', '503', '429', 'cut', 'garbled', 'hang'] as const;
export type ServerState = 'up' | 'flaky' | (typeof OUTAGES)[number];

export interface FragileServer {
  state: ServerState;
  /** Requests to the model so far, and what texts each held. */
  readonly asked: readonly (readonly string[])[];
  handle: StubHandler;
}

/** How long a server is away that a text has killed. */
const RESTART_MS = 5_000;

export function poisonText(poison: Poison, name: string): string {
  return `poison:${poison} ${name}`;
}

/** A server of embeddings, chat and scores, whose texts say what it cannot do. Its time, when it hangs, is that of `clock`. */
export function createFragileServer(clock: TestClock, random: Random): FragileServer {
  const asked: string[][] = [];
  let downUntilMs = 0;
  let hanging = 0;
  let active = 0;
  let activity = 0;

  /** Holds a request; time goes on once nothing else happens. */
  async function hang({ gone }: StubRequest): Promise<undefined> {
    hanging += 1;
    for (let quiet = 0, seen = activity; !gone.aborted; quiet = seen === activity ? quiet + 1 : 0, seen = activity) {
      await new Promise((resolve) => setImmediate(resolve));
      if (quiet < 40 || hanging < active) continue;
      clock.advance(5_000);
      activity += 1;
    }
    hanging -= 1;
    activity += 1;
    return undefined;
  }

  async function misbehave(how: string, request: StubRequest, response: ServerResponse, socket: Socket) {
    switch (how) {
      case 'cut':
        socket.destroy();
        return undefined;
      case 'garbled':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{"data": [{"embe');
        return undefined;
      case 'mute':
        return { json: {} };
      case 'hang':
        return hang(request);
      case 'kill':
        downUntilMs = clock.nowMs() + RESTART_MS;
        socket.destroy();
        return undefined;
      case '429':
        return { status: 429, headers: { 'retry-after': '20' }, json: { error: { message: 'boom 429' } } };
      default:
        return { status: Number(how), json: { error: { message: `boom ${how}` } } };
    }
  }

  async function answer(request: StubRequest, response: ServerResponse, socket: Socket) {
    const texts = textsOf(request.body);
    asked.push(texts);
    const isKilled = clock.nowMs() < downUntilMs;
    if (isKilled) return misbehave('cut', request, response, socket);
    const { state } = server;
    if (state === 'flaky' && random.chance(0.3)) {
      return misbehave(random.pick(['500', '502', 'cut', 'garbled']) ?? '500', request, response, socket);
    }
    if (state !== 'up' && state !== 'flaky') return misbehave(state, request, response, socket);
    const poisons = texts.flatMap((text) => /^poison:(\w+)/.exec(text)?.[1] ?? []);
    // Where several are in one request, it is the strongest that shows.
    const poison = POISONS.findLast((one) => poisons.includes(one));
    return poison === undefined ? goodAnswer(request) : misbehave(poison, request, response, socket);
  }

  const server: FragileServer = {
    state: 'up',
    asked,
    async handle(request, response, socket) {
      active += 1;
      activity += 1;
      try {
        return await answer(request, response, socket);
      } finally {
        active -= 1;
        activity += 1;
      }
    },
  };
  return server;
}

function textsOf(body: StubRequest['body']): string[] {
  if (Array.isArray(body.input)) return body.input;
  if (Array.isArray(body.documents)) return body.documents;
  return [String(body.messages?.[0]?.content ?? '').split('\n')[0] ?? ''];
}

function goodAnswer({ body }: StubRequest): StubAnswer {
  if (Array.isArray(body.input)) return embeddingsAnswer(body);
  if (Array.isArray(body.documents)) {
    return { json: { results: body.documents.map((_: string, index: number) => ({ index, relevance_score: 0.5 })) } };
  }
  return chatAnswer('yes');
}
