import { systemClock } from '../core/clock.ts';
import { createLogger, type Logger, type LogLevel } from '../core/log.ts';
import { withProcessId } from '../core/process-id.ts';
import { type Service, startLoop } from '../core/service.ts';
import { type DaemonConfig, daemonConfig } from '../daemon/config.ts';
import { type Daemon, startDaemon, type WatchedDaemon } from '../daemon/daemon.ts';
import type { JobReport } from '../daemon/job-report.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { findCopy } from '../db/migrate/installation.ts';
import { createModelRegistry } from '../models/registry.ts';
import type { Invocation } from './cli-command.ts';
import { DAEMON_FLAGS, daemonOriginsOf } from './daemon-options.ts';
import { listEffectiveOptions } from './describe-options.ts';
import { logStart } from './log-start.ts';
import { createRateMeter, describeRows, type RateMeter, renderBar } from './progress-bar.ts';
import { readServerVersion } from './read-server-version.ts';
import type { WatchedService } from './run-service.ts';
import type { Terminal } from './terminal.ts';
import { withSession } from './with-session.ts';

export interface DaemonSetup {
  readonly settings: ConnectionSettings;
  readonly config: DaemonConfig;
}

/** A daemon and the models that it holds. It does not end by itself: a database that fails is opened again. */
export interface RunningDaemon extends WatchedService, Pick<Daemon, 'jobs'> {}

const DRAW_MS = 200;
/** Where there is no screen, a line comes this often. */
const LINE_MS = 10_000;

/** Starts a daemon with models of its own, and shows how far its backfills are. */
export async function openDaemon(invocation: Invocation, setup: DaemonSetup): Promise<RunningDaemon> {
  const { settings, config } = setup;
  const { env, providers, terminal } = invocation;
  const log = withProcessId(logAround(terminal, invocation.log));
  const models = createModelRegistry({ providers });
  let daemon: WatchedDaemon | undefined;
  let progress: Service | undefined;
  const stop: RunningDaemon['stop'] = async (options) => {
    await progress?.stop();
    terminal.showStatus();
    await daemon?.stop(options);
    await models.close();
  };
  try {
    // Tells soon what is wrong, and can be interrupted while a server does not answer.
    const server = await withSession(invocation, settings, async (session) => {
      return { version: await readServerVersion(session), copy: await findCopy(session) };
    });
    const started = await startDaemon({ settings, env, config, models, log });
    daemon = started;
    const options = listEffectiveOptions({
      options: daemonConfig.options,
      config: { ...config },
      origins: daemonOriginsOf(invocation),
      wordings: DAEMON_FLAGS,
    });
    logStart(log, { what: 'the embedding daemon', settings, server: server.version, copy: server.copy, options });
    progress = startProgress(terminal, log, started);
    return {
      get jobs() {
        return started.jobs;
      },
      died: new Promise(() => undefined),
      log,
      vitals: () => started.vitals(),
      workDone: () => started.workDone(),
      stop,
    };
  } catch (error) {
    await stop({ isImmediate: true });
    throw error;
  }
}

/** The log of a daemon with a progress bar: on a screen, lines and bar must not run into each other. */
function logAround(terminal: Terminal, log: Logger): Logger {
  if (!terminal.logs.isPretty) return log;
  return createLogger({
    level: log.level as LogLevel, // it was made with one of these
    pretty: true,
    color: terminal.logs.isColoured,
    destination: { write: (line) => terminal.printError(line.trimEnd()) },
  });
}

function startProgress(terminal: Terminal, log: Logger, daemon: Daemon): Service {
  const meters = new Map<string, RateMeter>();
  let lineMs = systemClock.nowMs();
  let turn = 0;

  function progressOf({ jobId, name, doneRows, totalRows }: JobReport) {
    const meter = meters.get(jobId) ?? createRateMeter();
    meters.set(jobId, meter);
    meter.note(systemClock.nowMs(), doneRows);
    return { name, done: doneRows, total: totalRows, perSecond: meter.perSecond };
  }

  return startLoop({
    clock: systemClock,
    intervalMs: DRAW_MS,
    async runOnce() {
      // One that waits for its next day has a reason.
      const running = daemon.jobs
        .filter(({ state, reason }) => state === 'backfill' && reason === undefined)
        .map(progressOf);
      // Several take turns, each for a second.
      turn += 1;
      const shown = running[Math.floor((turn * DRAW_MS) / 1_000) % Math.max(1, running.length)];
      if (shown === undefined) {
        terminal.showStatus();
        return;
      }
      const isDrawn = terminal.showStatus(renderBar(terminal, shown));
      if (isDrawn || systemClock.nowMs() - lineMs < LINE_MS) return;
      lineMs = systemClock.nowMs();
      for (const each of running) log.info(`${each.name}: ${describeRows(each)}`);
    },
    onError: (error) => log.debug({ err: error }, 'could not show the progress'),
  });
}
