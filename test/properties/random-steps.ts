import { REQUEST_FUNCTIONS, type RequestFunction } from '../../src/core/request-functions.ts';
import { type ModelSession, type QueueModel, type RequestCell, visibleRequests } from './queue-model.ts';
import type { Random } from './random.ts';
import { isEnded, type Request, type Status, type Turn } from './request-life.ts';
import type { CallerStep, Step, WorkerStep } from './steps.ts';
import { parseClaim } from './steps.ts';

const PRIORITIES = [0, 0, 0, 5, 5, -1, 10, 2_147_483_647, -2_147_483_648];
const STATUSES: readonly Status[] = ['pending', 'processing', 'completed', 'failed', 'cancelled'];
const KINDS = [
  'enqueue',
  'insert',
  'enqueue batch',
  'cancel',
  'retry',
  'set status',
  'set retry_count',
  'delete',
  'cancel batch',
  'delete ended',
  'prune',
  'check',
  'result',
  'claim',
  'claim quarantined',
  'finish',
  'list lost',
  'rescue',
  'promote',
  'prune old',
  'renew',
] as const;
const OUTCOMES = ['completed', 'failed', 'retry', 'defer', 'release'] as const;

/**
 * What one play has much of and what little: with everything at once in the same measure, what takes several steps of one kind hardly
 * ever happens.
 */
export interface Theme {
  readonly functions: readonly RequestFunction[];
  /** More requests than these make the states no more interesting, only slower to compare. */
  readonly mostRequests: number;
  readonly shares: { readonly worker: number; readonly outside: number; readonly begin: number; readonly end: number };
  readonly kinds: Readonly<Record<(typeof KINDS)[number], number>>;
  readonly outcomes: Readonly<Record<(typeof OUTCOMES)[number], number>>;
}

export function randomTheme(random: Random): Theme {
  const some = (...values: number[]) => random.pick(values) ?? 1;
  const measures = <Key extends string>(keys: readonly Key[]) =>
    Object.fromEntries(keys.map((key) => [key, some(0.2, 1, 1, 4)])) as Record<Key, number>; // of these very keys
  return {
    functions: random.chance(0.4) ? REQUEST_FUNCTIONS : random.chance(0.5) ? ['embed'] : ['embed', 'generate'],
    mostRequests: some(2, 5, 12),
    shares: { worker: some(0.35, 0.5, 0.65), outside: some(0.03, 0.1), begin: some(0.02, 0.12), end: some(0.1, 0.3) },
    kinds: measures(KINDS),
    outcomes: measures(OUTCOMES),
  };
}

/** Proposes the next step: one that is likely to mean something in the present state, and to meet what others are doing. */
export function randomStep(model: QueueModel, theme: Theme, random: Random): Step {
  const { shares } = theme;
  const isWorker = random.chance(shares.worker);
  const free = [...model.sessions.values()].filter(
    ({ isBlocked, lanes }) => !isBlocked && isWorker === lanes.length > 0,
  );
  const session = random.pick(free);
  if (session === undefined || random.chance(0.02)) return cutOne(model, random);
  if (random.chance(shares.outside)) return outsideStep(model, theme, random);
  const { transaction, name: by } = session;
  if (transaction === undefined && random.chance(shares.begin)) {
    return { do: 'begin', by, isolation: !isWorker && random.chance(0.3) ? 'repeatable read' : 'read committed' };
  }
  if (transaction !== undefined && random.chance(transaction.isAborted ? 0.7 : shares.end)) {
    return { do: random.chance(0.7) ? 'commit' : 'rollback', by };
  }
  return isWorker ? workerStep(model, theme, session, random) : callerStep(model, theme, session, random);
}

function cutOne(model: QueueModel, random: Random): Step {
  return { do: 'cut', by: random.pick([...model.sessions.keys()]) ?? '' };
}

function outsideStep(model: QueueModel, theme: Theme, random: Random): Step {
  const workers = [...model.workers.values()].filter(({ committed }) => committed?.isSilent === false);
  const [paused] = model.paused;
  switch (random.weighted({ silent: workers.length > 0 ? 5 : 0, time: 4, pause: 1, resume: paused ? 4 : 0 })) {
    case 'silent':
      return { do: 'fall silent', worker: random.pick(workers)?.name ?? '' };
    case 'pause':
      return { do: 'pause', functionName: random.pick(theme.functions) ?? 'embed' };
    case 'resume':
      return { do: 'resume', functionName: paused ?? 'embed' };
    case 'time':
    case undefined:
      return { do: 'time passes' };
  }
}

function callerStep(model: QueueModel, theme: Theme, session: ModelSession, random: Random): CallerStep {
  const { name: by } = session;
  const live = [...model.requests.values()].filter(({ committed }) => committed !== undefined).length;
  const adds = live < theme.mostRequests ? 1 : 0.15;
  const { kinds } = theme;
  const lane = {
    by,
    functionName: random.pick(theme.functions) ?? 'embed',
    priority: random.pick(PRIORITIES) ?? 0,
    ...(random.chance(0.15) && { model: 'm' }),
  } as const;
  const onRequest = (isWanted: (request: Request) => boolean) => {
    const request = targetOf(model, session, random, isWanted);
    return { by, request, ...(random.chance(0.5) && { waits: true as const }) };
  };
  const form = random.chance(0.5) ? 'function' : 'update';
  const kind = random.weighted({
    enqueue: 16 * adds * kinds.enqueue,
    insert: 4 * adds * kinds.insert,
    'enqueue batch': 6 * adds * kinds['enqueue batch'],
    cancel: 5 * kinds.cancel,
    retry: 6 * kinds.retry,
    'set status': 3 * kinds['set status'],
    'set retry_count': 2 * kinds['set retry_count'],
    delete: 2 * kinds.delete,
    'cancel batch': 1 * kinds['cancel batch'],
    'delete ended': 0.5 * kinds['delete ended'],
    prune: 1 * kinds.prune,
    check: 2 * kinds.check,
    result: 4 * kinds.result,
  });
  switch (kind) {
    case 'insert':
      return { do: kind, as: freshLabel(model), ...lane };
    case 'enqueue batch': {
      const as = Array.from({ length: 1 + random.int(Math.min(4, theme.mostRequests)) }, (_, at) =>
        freshLabel(model, at),
      );
      return { do: kind, as, ...lane, functionName: random.chance(0.7) ? 'embed' : 'generate' };
    }
    case 'cancel':
      return { do: kind, form, ...onRequest((request) => !isEnded(request)) };
    case 'retry':
      return { do: kind, form, ...onRequest(({ status }) => status === 'failed') };
    case 'set status': {
      const status = random.pick(STATUSES) ?? 'pending';
      return { do: kind, status, ...(random.chance(0.4) && { retryCount: random.int(3) }), ...onRequest(() => true) };
    }
    case 'set retry_count':
      return { do: kind, retryCount: random.int(4), ...onRequest(() => true) };
    case 'delete':
      return { do: kind, ...onRequest(() => true) };
    case 'cancel batch': {
      const { request } = onRequest(({ batch }) => batch !== undefined);
      return { do: kind, by, request };
    }
    case 'delete ended':
      return { do: kind, by };
    case 'prune':
      return { do: kind, by, age: random.chance(0.8) ? '0' : '1 day' };
    case 'check':
      return { do: kind, by, requests: [0, 1, 2].map(() => targetOf(model, session, random, () => true)) };
    case 'result':
      return { do: kind, by, request: targetOf(model, session, random, () => true) };
    case 'enqueue':
    case undefined:
      return { do: 'enqueue', as: freshLabel(model), ...lane };
  }
}

function freshLabel(model: QueueModel, after = 0): string {
  return `r${model.requests.size + 1 + after}`;
}

/** Mostly a request that the session sees and that the step is made for; often one that somebody else has just changed. */
function targetOf(
  model: QueueModel,
  session: ModelSession,
  random: Random,
  isWanted: (request: Request) => boolean,
): string {
  const all = [...model.requests.values()];
  if (random.chance(0.1)) return random.pick(all)?.label ?? 'r1';
  const seen: [RequestCell, Request][] = [...visibleRequests(model, session)];
  const wanted = seen.filter(([, request]) => isWanted(request));
  const locked = wanted.filter(([{ writer }]) => writer !== undefined && writer !== session.name);
  const from =
    locked.length > 0 && random.chance(0.5) ? locked : wanted.length > 0 && random.chance(0.9) ? wanted : seen;
  return random.pick(from)?.[0].label ?? random.pick(all)?.label ?? 'r1';
}

function workerStep(model: QueueModel, theme: Theme, session: ModelSession, random: Random): WorkerStep {
  const { name: by } = session;
  const life = model.workers.get(session.worker ?? '')?.committed;
  const isGone = life === undefined || life.status === 'dead' || life.status === 'stopped';
  if (isGone && session.transaction === undefined && random.chance(0.7)) {
    return { do: 'register', by, as: `w${model.workers.size + 1}` };
  }
  const hand = inHand(model, session);
  const isAnybodySilent = [...model.workers.values()].some(({ committed }) => committed?.isSilent === true);
  const waiting = (turn: Turn) =>
    [...model.requests.values()].filter(({ committed }) => committed?.status === 'pending' && committed.turn === turn)
      .length;
  const [ready, quarantined, due] = [waiting('ready'), waiting('quarantined'), waiting('due')];
  const { kinds } = theme;
  const kind = random.weighted({
    claim: (ready > 0 ? 14 : 1) * kinds.claim,
    'claim quarantined': (quarantined > 0 ? 12 : 0.5) * kinds['claim quarantined'],
    finish: (hand.length > 0 ? 16 : 0) * kinds.finish,
    'list lost': (hand.length > 0 ? 1 : 0) * kinds['list lost'],
    rescue: (isAnybodySilent ? 12 : 1) * kinds.rescue,
    promote: (due > 0 ? 8 : 0.5) * kinds.promote,
    'prune old': 0.5 * kinds['prune old'],
    renew: 2 * kinds.renew,
  });
  switch (kind) {
    case 'claim quarantined':
    case 'rescue':
    case 'promote':
      return { do: kind, by };
    case 'finish':
      return finishStep(model, theme, session, hand, random);
    case 'list lost': {
      const { worker, claims } = someOf(hand, random);
      return { do: kind, by, worker, claims };
    }
    case 'prune old':
      return { do: kind, by, limit: 1 + random.int(4) };
    case 'renew': {
      const worker = random.pick([...model.workers.keys()]) ?? 'w1';
      const status = random.weighted({ running: 6, stopping: 1, stopped: 1 }) ?? 'running';
      return { do: kind, by, worker, status };
    }
    case 'claim':
    case undefined: {
      const lane = laneWithWork(model, session, random);
      return { do: 'claim', by, ...lane, limit: 1 + random.int(5), looks: random.chance(0.7) };
    }
  }
}

function laneWithWork(model: QueueModel, session: ModelSession, random: Random) {
  const busy = session.lanes.filter((lane) =>
    [...model.requests.values()].some(
      ({ committed }) =>
        committed?.status === 'pending' &&
        committed.functionName === lane.functionName &&
        committed.model === lane.model,
    ),
  );
  const lane = random.pick(busy.length > 0 && random.chance(0.97) ? busy : session.lanes);
  return { functionName: lane?.functionName ?? 'embed', model: lane?.model ?? 'default' };
}

interface Hand {
  readonly worker: string;
  readonly claim: string;
}

/** Claims of this session's workers, mostly those that are held still; late finishes of the rest must change nothing. */
function inHand(model: QueueModel, session: ModelSession): readonly Hand[] {
  const own = model.claims.filter(({ worker }) => worker === session.worker);
  const isHeld = ({ claim, worker }: Hand) => {
    const { label, attempt } = parseClaim(claim);
    const cell = model.requests.get(label);
    const request = cell?.writer === session.name ? cell.uncommitted : cell?.committed;
    return request?.status === 'processing' && request.holder === worker && request.attempt === attempt;
  };
  const held = own.filter(isHeld);
  // A held one counts three times.
  return [...held, ...held, ...own.slice(-12)];
}

function someOf(hand: readonly Hand[], random: Random): { worker: string; claims: string[] } {
  const first = random.pick(hand);
  const byLabel = new Map<string, string>();
  if (first !== undefined) byLabel.set(parseClaim(first.claim).label, first.claim);
  for (const { claim } of hand) {
    const { label } = parseClaim(claim);
    if (!byLabel.has(label) && random.chance(0.35)) byLabel.set(label, claim);
  }
  return { worker: first?.worker ?? '', claims: [...byLabel.values()] };
}

function finishStep(
  model: QueueModel,
  { outcomes }: Theme,
  session: ModelSession,
  hand: readonly Hand[],
  random: Random,
): WorkerStep {
  const { worker, claims } = someOf(hand, random);
  return {
    do: 'finish',
    by: session.name,
    worker,
    claims,
    outcome: random.weighted({ ...outcomes, completed: 2 * outcomes.completed }) ?? 'completed',
    tag: model.stepNumber,
    ...(random.chance(0.3) && { isLong: true }),
  };
}
