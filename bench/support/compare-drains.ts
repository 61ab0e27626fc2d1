import type { BenchOptions } from './bench-options.ts';
import type { BenchServer } from './bench-server.ts';
import type { ContenderName } from './contenders/registry.ts';
import { type Drain, type Drainer, prepareDrainer } from './measure-drain.ts';
import type { Row } from './report.ts';
import { median, round3 } from './statistics.ts';

export interface Comparison {
  readonly rows: readonly Row[];
  /** The median of requests per second of one through those of the other in the same round. */
  ratioTo(one: ContenderName, other: ContenderName): number;
  medianOf(name: ContenderName, figure: (drain: Drain) => number): number;
}

/** Has the contenders drain the same backlog in turn; the first round only warms up. The order turns from round to round. */
export async function compareDrains(
  server: BenchServer,
  all: readonly ContenderName[],
  { rounds, requests, only }: BenchOptions,
  /** Those that are slow may drain fewer. */
  requestsOf: (name: ContenderName) => number = () => requests,
): Promise<Comparison> {
  const contenders: { readonly name: ContenderName; readonly drainer: Drainer; readonly drains: Drain[] }[] = [];
  try {
    for (const name of all.filter((one) => only === undefined || only.includes(one))) {
      contenders.push({ name, drainer: await prepareDrainer(server, name), drains: [] });
    }
    for (let round = 0; round <= rounds; round += 1) {
      for (let turn = 0; turn < contenders.length; turn += 1) {
        const contender = contenders[(round + turn) % contenders.length];
        const drain = await contender?.drainer.drain(requestsOf(contender.name));
        if (round > 0 && drain !== undefined) contender?.drains.push(drain);
      }
    }
  } finally {
    for (const { drainer } of contenders) await drainer.close();
  }

  const drainsOf = (name: ContenderName) => contenders.find((contender) => contender.name === name)?.drains ?? [];
  const medianOf = (name: ContenderName, figure: (drain: Drain) => number) =>
    round3(median(drainsOf(name).map(figure)));
  const ratioTo = (one: ContenderName, other: ContenderName) => {
    const others = drainsOf(other);
    return round3(
      median(
        drainsOf(one).flatMap((drain, at) =>
          others[at] === undefined ? [] : [drain.perSecond / others[at].perSecond],
        ),
      ),
    );
  };
  const rows = contenders.map(({ name, drainer, drains }) => ({
    queue: drainer.contender.title,
    'requests/s': Math.round(median(drains.map(({ perSecond }) => perSecond))),
    'worst round': Math.round(Math.min(...drains.map(({ perSecond }) => perSecond))),
    'best round': Math.round(Math.max(...drains.map(({ perSecond }) => perSecond))),
    'server us': medianOf(name, ({ serverUs }) => serverUs ?? Number.NaN),
    'worker us': medianOf(name, ({ workerUs }) => workerUs),
    'WAL insert': Math.round(median(drains.map(({ insertWal }) => insertWal))),
    'WAL claim to finish': Math.round(median(drains.map(({ workWal }) => workWal))),
  }));
  return { rows, ratioTo, medianOf };
}
