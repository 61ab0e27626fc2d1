import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { isOfType, type MessageReader, readMessages, statementOf } from './wire-messages.ts';

/**
 * When a statement is hit: `request` before the server has seen it; `half-request` when the server has seen the first half of its first
 * message; `answer` when the server is done with it (committed) and nobody was told; `half-answer` when half of that answer has been passed on.
 */
export type Moment = 'request' | 'half-request' | 'answer' | 'half-answer';

/**
 * What hits the connection: `cut` a reset in both directions; `half-close` an end of the server's stream, while the server still listens;
 * `freeze` nothing passes any more and nobody is told, as when a host or a firewall in between has forgotten the connection; `hold` nothing
 * passes until the fault is released.
 */
export type Blow = 'cut' | 'half-close' | 'freeze' | 'hold';

export interface FaultPlan {
  readonly statement: RegExp;
  readonly moment: Moment;
  readonly blow: Blow;
  /** How many statements are hit, one after the other. @default 1 */
  readonly times?: number;
}

export interface Fault {
  /** How many statements were hit so far. */
  readonly strikes: number;
  /** Lets what was held go on. */
  release(): void;
  /** Hits no further statement; what was held goes on. */
  disarm(): void;
}

export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** `uri` by way of this proxy, unencrypted. */
  through(uri: string): string;
  arm(plan: FaultPlan): Fault;
  /** From now on new connections lead to another port of this machine. */
  pointAt(port: number): void;
  /** While true, connections are accepted and nothing comes back. */
  isSilent: boolean;
  /** While true, notifications of the server get lost. */
  dropsNotifications: boolean;
  /** Does the same to all connections that are open now, those included that froze before; how many there were. */
  strikeAll(blow: Exclude<Blow, 'hold'>): number;
  /** Connections that were accepted so far. */
  readonly attempts: number;
}

interface ArmedFault {
  readonly plan: FaultPlan;
  left: number;
  strikes: number;
  readonly held: (() => void)[];
}

/** Stands between clients and a PostgreSQL server on this machine, reads the protocol along, and hits statements as planned. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const links = new Set<Link>();
  const faults = new Set<ArmedFault>();
  let port = targetPort;
  let attempts = 0;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    attempts += 1;
    if (proxy.isSilent) silent.add(client.on('error', () => undefined).once('close', () => silent.delete(client)));
    else links.add(new Link(client, port, { faults, isHeard, onClose: (link) => links.delete(link) }));
  }).listen(0, '127.0.0.1');
  const isHeard = (message: Buffer) => !(proxy.dropsNotifications && isOfType(message, 'A'));
  const silent = new Set<Socket>();
  await once(server, 'listening');
  const address = server.address();
  const ownPort = typeof address === 'object' && address !== null ? address.port : 0;

  const release = (fault: ArmedFault) => {
    for (const goOn of fault.held.splice(0)) goOn();
  };
  const proxy: FaultProxy = {
    port: ownPort,
    isSilent: false,
    dropsNotifications: false,
    through(uri) {
      const url = new URL(uri);
      url.host = `127.0.0.1:${ownPort}`;
      url.searchParams.set('sslmode', 'disable');
      return url.href;
    },
    arm(plan) {
      const fault: ArmedFault = { plan, left: plan.times ?? 1, strikes: 0, held: [] };
      faults.add(fault);
      return {
        get strikes() {
          return fault.strikes;
        },
        release: () => release(fault),
        disarm() {
          faults.delete(fault);
          release(fault);
        },
      };
    },
    pointAt(newPort) {
      port = newPort;
    },
    strikeAll(blow) {
      const hit = [...links];
      for (const link of hit) link.strike(blow);
      return hit.length;
    },
    get attempts() {
      return attempts;
    },
    async [Symbol.asyncDispose]() {
      for (const link of [...links]) link.strike('cut');
      for (const socket of silent) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

interface LinkOptions {
  readonly faults: ReadonlySet<ArmedFault>;
  /** False for a message of the server that gets lost. */
  readonly isHeard: (message: Buffer) => boolean;
  readonly onClose: (link: Link) => void;
}

/** One client and its connection to the server. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: ReadonlySet<ArmedFault>;
  /** The fault that waits for the answer to the statement in progress, and what of that answer has come. */
  #awaited: { readonly fault: ArmedFault; readonly answer: Buffer[] } | undefined;
  #isFrozen = false;
  /** While something is held, what comes after it. */
  #queue: (() => void)[] | undefined;

  constructor(client: Socket, port: number, { faults, isHeard, onClose }: LinkOptions) {
    this.#client = client;
    this.#faults = faults;
    this.#server = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const pairs = [
      [this.#client, this.#server],
      [this.#server, this.#client],
    ] as const;
    for (const [from, to] of pairs) {
      from.on('error', () => undefined);
      from.on('end', () => this.#isFrozen || to.end());
      from.once('close', () => {
        if (!this.#isFrozen) to.destroy();
        if (this.#client.destroyed && this.#server.destroyed) onClose(this);
      });
    }
    const fromClient = readMessages({ hasStartup: true });
    const fromServer = readMessages({ hasStartup: false });
    this.#client.on('data', (chunk: Buffer) => this.#pass(fromClient, chunk, (message) => this.#onRequest(message)));
    this.#server.on('data', (chunk: Buffer) =>
      this.#pass(fromServer, chunk, (message) => isHeard(message) && this.#onAnswer(message)),
    );
  }

  strike(blow: Blow): void {
    this.#isFrozen = blow !== 'cut';
    if (blow === 'cut') {
      this.#client.resetAndDestroy();
      this.#server.resetAndDestroy();
      return;
    }
    if (blow === 'half-close') this.#client.end();
  }

  #pass(read: MessageReader, chunk: Buffer, onMessage: (message: Buffer) => void): void {
    for (const message of read(chunk)) {
      if (this.#isFrozen) return;
      this.#inOrder(() => onMessage(message));
    }
  }

  #onRequest(message: Buffer): void {
    const statement = statementOf(message);
    const fault = statement === undefined ? undefined : this.#faultFor(statement);
    if (fault === undefined) {
      this.#server.write(message);
      return;
    }
    const { moment } = fault.plan;
    if (moment === 'answer' || moment === 'half-answer') {
      this.#awaited = { fault, answer: [] };
      this.#server.write(message);
      return;
    }
    if (moment === 'half-request') this.#server.write(message.subarray(0, Math.ceil(message.length / 2)));
    const rest = moment === 'half-request' ? message.subarray(Math.ceil(message.length / 2)) : message;
    this.#hit(fault, () => this.#server.write(rest));
  }

  #onAnswer(message: Buffer): void {
    if (this.#awaited === undefined) {
      this.#client.write(message);
      return;
    }
    const { fault, answer } = this.#awaited;
    answer.push(message);
    if (!isOfType(message, 'Z')) return;
    // ReadyForQuery with "I": no transaction is open, so what was done is committed.
    if (message[5] !== 'I'.charCodeAt(0)) {
      this.#client.write(Buffer.concat(answer.splice(0)));
      return;
    }
    this.#awaited = undefined;
    const whole = Buffer.concat(answer);
    const half = fault.plan.moment === 'half-answer' ? Math.ceil(whole.length / 2) : 0;
    if (half > 0) this.#client.write(whole.subarray(0, half));
    this.#hit(fault, () => this.#client.write(whole.subarray(half)));
  }

  /** The first fault that wants this statement; it has one strike less then. */
  #faultFor(statement: string): ArmedFault | undefined {
    for (const fault of this.#faults) {
      if (fault.left === 0 || !fault.plan.statement.test(statement)) continue;
      fault.left -= 1;
      return fault;
    }
    return undefined;
  }

  #hit(fault: ArmedFault, goOn: () => void): void {
    fault.strikes += 1;
    if (fault.plan.blow !== 'hold') {
      this.strike(fault.plan.blow);
      return;
    }
    const queue: (() => void)[] = [];
    this.#queue = queue;
    fault.held.push(() => {
      this.#queue = undefined;
      goOn();
      for (const pass of queue) this.#inOrder(pass);
    });
  }

  #inOrder(pass: () => void): void {
    if (this.#queue === undefined) pass();
    else this.#queue.push(pass);
  }
}
