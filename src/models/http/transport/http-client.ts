import pLimit, { type LimitFunction } from 'p-limit';
import type { Clock } from '../../../core/clock.ts';
import type { Env } from '../../../core/env.ts';
import { type SharedLoad, shareLoad } from '../../shared-load.ts';
import { untilAborted } from '../../until-aborted.ts';
import { type Endpoint, urlOf } from '../endpoint.ts';
import { type Admission, type Admittance, type Breaker, createBreaker } from './breaker.ts';
import type { CallWork } from './call-work.ts';
import { createConnections } from './connections.ts';
import { exchange, type HttpReply, type Question } from './exchange.ts';
import { missingError } from './missing.ts';
import { type HttpProblem, type Pulse, unreachable } from './problem.ts';
import { proxySecrets } from './proxy-variables.ts';
import { createSecrets, type Secrets } from './secrets.ts';

/** Most requests of one model under way at once; more wait for their turn. */
export const MAX_REQUESTS_AT_ONCE = 64;
/** Longest wait for the answer to a canary. */
const CANARY_TIMEOUT_MS = 20_000;
const MAX_CANARY_BYTES = 1024 * 1024;

/** What is known of the items in a request. */
export interface Asking {
  /** The server went down on it: it is sent only after the server has answered a canary. */
  readonly isDoubtful?: boolean;
  /** True for what may take the server down: no two such are sent at once. */
  readonly isQuarantined?: boolean;
  /** True for a search for the items to blame: its failure says nothing of the server, and is not investigated. */
  readonly isProbe?: boolean;
  /** The call that it is a part of; its waits are told to it. */
  readonly work?: CallWork;
}

export interface HttpRequest extends Question, Asking {
  /**
   * The body of a small request to the same address that the server answers soon while it works at all. It tells a server that
   * is down from one that cannot answer this request.
   */
  readonly canary?: unknown;
}

/** Calls the server of one model. */
export interface HttpClient {
  readonly endpoint: Endpoint;
  readonly secrets: Secrets;
  readonly clock: Clock;
  /**
   * The JSON that the server answered, or the problem; rejects only with the signal's reason.
   *
   * At most {@link MAX_REQUESTS_AT_ONCE} at a time. Redirects are not followed. A connection that turns out to be closed is
   * replaced once. Each address has a breaker of its own, so that a model without quota does not stop others. With a canary,
   * only what the server does not answer either counts against it, and the canary is what a half-open breaker lets through: a
   * request that can never be answered does not keep the others from being asked.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  /** Waits for the requests under way. */
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly endpoint: Endpoint;
  readonly env: Env;
  readonly clock: Clock;
}

/** One address of the server. */
interface Route {
  readonly breaker: Breaker;
  /** Lets one item in quarantine through at a time: the others would go down with the server, and look like the one to blame. */
  readonly quarantineLimit: LimitFunction;
  /** Answers got from it so far. */
  answers: number;
  /** How many of them were no canaries. */
  realAnswers: number;
  /** The canary that is under way. */
  check?: SharedLoad<Check>;
}

interface Check {
  readonly pulse: Pulse;
  readonly problem?: HttpProblem;
}

/** A client with connections, breakers and a limit of its own. */
export function createHttpClient({ endpoint, env, clock }: HttpClientOptions): HttpClient {
  const connections = createConnections(env, MAX_REQUESTS_AT_ONCE);
  const secrets = createSecrets([endpoint.key, ...endpoint.baseUrl.searchParams.values(), ...proxySecrets(env)]);
  const line = { endpoint, secrets, connections, clock };
  const limit = pLimit(MAX_REQUESTS_AT_ONCE);
  const routes = new Map<string, Route>();

  function routeOf({ pathname }: URL): Route {
    const route = routes.get(pathname) ?? {
      breaker: createBreaker(clock),
      quarantineLimit: pLimit(1),
      answers: 0,
      realAnswers: 0,
    };
    routes.set(pathname, route);
    return route;
  }

  /** Sends the canary, once for all that wait for it. It takes no turn: those who wait for it have all of them. */
  async function checkPulse(
    route: Route,
    { url, canary }: HttpRequest,
    isCounted: boolean,
    signal: AbortSignal,
  ): Promise<Check> {
    if (route.check === undefined || route.check.isAborted) {
      const question = { url, body: canary, timeoutMs: CANARY_TIMEOUT_MS, maxBytes: MAX_CANARY_BYTES };
      const check = shareLoad(async (own) => readCheck(route, await exchange(line, question, own), isCounted));
      route.check = check;
      void check.ended.then(() => {
        if (route.check === check) delete route.check;
      });
    }
    return route.check.join(signal);
  }

  /** A 404 is told of a request by what else the server answers. */
  function explainMissing(route: Route, url: URL, reply: HttpReply): HttpReply {
    if (reply.ok || reply.problem.kind !== 'missing') return reply;
    const isListed = routeOf(urlOf(endpoint, '/models')).answers > 0;
    const error = missingError(endpoint, reply.problem, { urls: [url], hasAnswered: route.answers > 0, isListed });
    return { ok: false, problem: { ...reply.problem, error } };
  }

  async function sendInTurn(request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    signal.throwIfAborted();
    const route = routeOf(request.url);
    const { breaker } = route;
    const before = needsCheck(route, request)
      ? await waiting(request, () => checkPulse(route, request, true, signal))
      : undefined;
    const admittance = breaker.admit();
    if (!admittance.isAdmitted) return { ok: false, problem: leftAlone(endpoint, admittance) };
    if (before?.problem !== undefined && before.pulse === 'silent') {
      admittance.release();
      return { ok: false, problem: { ...before.problem, kind: 'unavailable' } };
    }
    let reply: HttpReply | undefined;
    try {
      reply = explainMissing(route, request.url, await exchange(line, request, signal));
      if (reply.ok || reply.problem.kind !== 'failing' || request.isProbe === true) return reply;
      if (request.canary === undefined) return reply;
      // An open breaker means that others have just found the server silent.
      const { pulse } = breaker.isOpen
        ? { pulse: 'silent' as const }
        : await waiting(request, () => checkPulse(route, request, false, signal));
      reply = {
        ok: false,
        problem: { ...reply.problem, pulse, answers: route.answers, realAnswers: route.realAnswers },
      };
      return reply;
    } finally {
      settle(route, admittance, signal.aborted ? undefined : reply, request);
    }
  }

  return {
    endpoint,
    secrets,
    clock,
    send(request, signal) {
      // A signal of its own: hundreds of requests of one call would be too many listeners for the caller's.
      const own = AbortSignal.any([signal]);
      const take = () => inTurn(limit, request, () => sendInTurn(request, own));
      const { quarantineLimit } = routeOf(request.url);
      const ask = () => (request.isQuarantined === true ? inTurn(quarantineLimit, request, take) : take());
      const turn = request.work === undefined ? ask() : request.work.request(ask);
      // The caller does not wait for its turn once it has aborted; the turn then passes without a request.
      return untilAborted(turn, own);
    },
    close: () => connections.close(),
  };
}

const waiting = <T>({ work }: Asking, run: () => Promise<T>) => (work === undefined ? run() : work.wait(run));

/** Runs in a turn of its own; only where there is none at once is the request told to wait for it. */
async function inTurn<T>(limit: LimitFunction, asking: Asking, run: () => Promise<T>): Promise<T> {
  if (limit.activeCount + limit.pendingCount < limit.concurrency) return limit(run);
  let begin: () => void = () => undefined;
  const turn = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const done = limit(() => {
    begin();
    return run();
  });
  await waiting(asking, () => turn);
  return done;
}

/** True where the server failed before, in general or on this request: whether it answers is found out first. */
function needsCheck({ breaker }: Route, { canary, isDoubtful }: HttpRequest): boolean {
  return canary !== undefined && !breaker.isOpen && (isDoubtful === true || breaker.isHalfOpen);
}

/** What the fate of a canary tells; its failure counts where no request is about to fail likewise. */
function readCheck(route: Route, reply: HttpReply, isCounted: boolean): Check {
  if (reply.ok) {
    route.answers += 1;
    route.breaker.noteSign();
    return { pulse: 'answers' };
  }
  const { problem } = reply;
  if (problem.kind !== 'failing' && problem.kind !== 'unavailable') return { pulse: 'unclear', problem };
  if (isCounted) route.breaker.noteSilence(problem.error);
  return { pulse: 'silent', problem };
}

function settle(route: Route, admission: Admission, reply: HttpReply | undefined, { isProbe }: HttpRequest): void {
  if (reply === undefined) {
    admission.release();
  } else if (reply.ok) {
    route.answers += 1;
    route.realAnswers += 1;
    admission.succeed();
  } else if (reply.problem.kind === 'unavailable') {
    admission.fail(reply.problem.error);
  } else if (reply.problem.kind !== 'failing') {
    admission.succeed();
  } else if (isProbe === true || reply.problem.pulse === 'answers') {
    admission.release();
  } else {
    // A canary that was refused shows nothing, as if there were none.
    admission.fail(reply.problem.error);
  }
}

/** Says what it was that failed: the requests that are put off keep no other error. */
function leftAlone({ label }: Endpoint, { retryAfterMs, cause }: Exclude<Admittance, Admission>): HttpProblem {
  const what = cause?.message ?? `${label} failed`;
  return unreachable(`${what} (several times in a row, so it is left alone for a while)`, retryAfterMs);
}
