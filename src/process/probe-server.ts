import { createServer, type Server } from 'node:http';
import { LamplighterError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { PROCESS_ID } from '../core/process-id.ts';
import type { Service } from '../core/service.ts';
import { renderExposition } from '../monitoring/exposition.ts';
import type { FailedCheck, Readiness, Vitals } from './vitals.ts';

export interface ProbeServerOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly log: Logger;
}

/** Answers probes and scrapes over HTTP. */
export interface ProbeServer extends Service {
  readonly port: number;
  /** Says whose vitals to tell of, one for each database; before that the process is starting. */
  watch(vitals: () => readonly Vitals[]): void;
}

const STARTING: FailedCheck = { check: 'starting', problem: 'models are loaded, or the database is opened' };

/**
 * Duty: `/livez` says that the process is there, and asks nobody: 200 while it starts, drains or has no database. `/readyz` is 200 when
 * nothing is wrong, and else 503 with each failed check by name. `/metrics` is what Prometheus scrapes. None of it has a text, name or
 * key of anybody. Dies with the process; what a scrape tells is counted in memory, or was measured for all a moment ago.
 *
 * @throws LamplighterError PORT_TAKEN, or USAGE for an address that is not of this machine.
 */
export async function startProbeServer({ host, port, log }: ProbeServerOptions): Promise<ProbeServer> {
  // Only now: every command reads this file.
  const [{ Hono }, { getRequestListener }] = await Promise.all([import('hono'), import('@hono/node-server')]);
  let vitals: (() => readonly Vitals[]) | undefined;
  const app = new Hono();
  app.get('/livez', (context) => context.text('alive\n'));
  app.get('/readyz', async (context) => {
    const { failed, degraded } = await readinessOf(vitals?.());
    return context.json(
      { processId: PROCESS_ID, ready: failed.length === 0, failed, degraded },
      failed.length === 0 ? 200 : 503,
    );
  });
  app.get('/metrics', async (context) => {
    const processes = (vitals?.() ?? []).map((one) => ({
      meter: one.meter,
      inFlight: one.inFlight(),
      heartbeatAgeMs: one.heartbeatAgeMs(),
      installation: one.installation(),
    }));
    const { text, contentType } = await renderExposition(processes);
    return context.body(text, 200, { 'content-type': contentType });
  });
  app.onError((error, context) => {
    log.warn({ err: error }, 'a probe could not be answered');
    return context.text('error\n', 500);
  });
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
  server.requestTimeout = 10_000;
  const listening = await listen(server, host, port);
  return {
    port: listening,
    watch(next) {
      vitals = next;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The readiness of all together: each failed check of any, and once what several say of the database that they share. */
async function readinessOf(all: readonly Vitals[] | undefined): Promise<Readiness> {
  if (all === undefined || all.length === 0) return { failed: [STARTING], degraded: [] };
  const each = await Promise.all(all.map((one) => one.readiness()));
  return {
    failed: withoutRepeated(each.flatMap(({ failed }) => failed)),
    degraded: withoutRepeated(each.flatMap(({ degraded }) => degraded)),
  };
}

function withoutRepeated(checks: readonly FailedCheck[]): readonly FailedCheck[] {
  const isSame = (a: FailedCheck, b: FailedCheck) => a.check === b.check && a.problem === b.problem;
  return checks.filter((one, at) => checks.findIndex((other) => isSame(one, other)) === at);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE';
      const why = isTaken ? 'another program listens there' : cause.message;
      const hint = 'Choose another address with --http, such as 127.0.0.1:0 for any free port.';
      const code = isTaken ? 'PORT_TAKEN' : 'USAGE';
      reject(new LamplighterError(code, `Probes cannot be answered on ${host}:${port}: ${why}`, { cause, hint }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
