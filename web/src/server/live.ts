/**
 * Hears from the server what has changed. One stream of Server-Sent Events for the tab; where a proxy holds it back, the tab asks by itself
 * every two seconds. A hidden tab closes the stream, and reads everything again when it is seen.
 */
import { useEffect, useState } from 'preact/hooks';
import type { LiveEvent, Overview } from '../../../src/dashboard/api.ts';
import { addressOf } from '../navigation/place.ts';
import { ask } from './ask.ts';

export type Topic = Extract<LiveEvent, { type: 'changed' }>['data']['topics'][number];

/** How the tab learns what is new. `lost` tells since when, by the browser's clock, and which of the two is out of reach. */
export type Connection =
  | { readonly state: 'connecting' | 'live' | 'polling' | 'resting' }
  | { readonly state: 'lost'; readonly sinceMs: number; readonly what: 'database' | 'server'; readonly error?: string };

interface Live {
  readonly connection: Connection;
  readonly overview: Overview | undefined;
}

/** The stream has a sample each second; without any for this long, something holds it back. */
const SILENCE_MS = 5_000;
const POLL_MS = 2_000;
/** After which a blocked stream is tried again. */
const STREAM_AGAIN_MS = 60_000;

const EVERY_TOPIC: readonly Topic[] = ['requests', 'tasks', 'jobs', 'workers', 'operations'];

let live: Live = { connection: { state: 'connecting' }, overview: undefined };
let clockAheadMs = 0;
let stream: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let streamBlockedUntilMs = 0;
const watchers = new Set<(now: Live) => void>();
const hearers = new Set<(topics: readonly Topic[]) => void>();

function set(change: Partial<Live>): void {
  live = { ...live, ...change };
  for (const watcher of watchers) watcher(live);
}

function tell(topics: readonly Topic[]): void {
  for (const hearer of hearers) hearer(topics);
}

function take(overview: Overview): void {
  clockAheadMs = Date.parse(overview.at) - Date.now();
  set({ overview });
}

/** Now, by the database's clock as far as it is known: the browser's may be wrong. */
export function nowMs(): number {
  return Date.now() + clockAheadMs;
}

function after(ms: number, act: () => void): void {
  clearTimeout(timer);
  timer = setTimeout(act, ms);
}

function lose(what: 'database' | 'server', sinceMs: number, error?: string): void {
  const { connection } = live;
  // The first moment counts, however often it fails again.
  const began = connection.state === 'lost' && connection.what === what ? connection.sinceMs : sinceMs;
  set({ connection: { state: 'lost', what, sinceMs: began, ...(error === undefined ? {} : { error }) } });
}

/** Whatever was missed meanwhile is read again. */
function regain(state: 'live' | 'polling'): void {
  const former = live.connection.state;
  if (former === state) return;
  set({ connection: { state } });
  if (former !== 'connecting') tell(EVERY_TOPIC);
}

function closeStream(): void {
  stream?.close();
  stream = undefined;
}

function openStream(): void {
  closeStream();
  if (document.hidden) return;
  const opened = new EventSource(addressOf('api/events'));
  stream = opened;
  const doubt = () => after(SILENCE_MS, fallBack);
  const hear = <Type extends LiveEvent['type']>(
    type: Type,
    act: (data: Extract<LiveEvent, { type: Type }>['data']) => void,
  ) => {
    opened.addEventListener(type, (event) => {
      doubt();
      act(JSON.parse(event.data)); // the server holds itself to api.ts
    });
  };
  doubt();
  hear('sample', (overview) => {
    regain('live');
    take(overview);
  });
  hear('changed', ({ topics }) => tell(topics));
  hear('lost', ({ since, error }) => lose('database', Date.parse(since) - clockAheadMs, error));
  opened.onerror = fallBack;
}

/** Whether the server is gone or only its stream is held back shows when it is asked. */
function fallBack(): void {
  closeStream();
  const wasLive = live.connection.state === 'live';
  // A stream that worked and broke is opened again at once; one that never did is left alone for a while.
  if (!wasLive && live.connection.state !== 'lost') streamBlockedUntilMs = Date.now() + STREAM_AGAIN_MS;
  void poll();
}

async function poll(): Promise<void> {
  if (document.hidden) return;
  try {
    take(await ask<Overview>('overview'));
    if (document.hidden) return;
    if (Date.now() >= streamBlockedUntilMs) {
      openStream();
      return;
    }
    regain('polling');
    tell(EVERY_TOPIC);
  } catch (error) {
    const status = error instanceof Error && 'status' in error ? error.status : 0;
    lose(status === 0 ? 'server' : 'database', Date.now(), error instanceof Error ? error.message : undefined);
    streamBlockedUntilMs = 0;
  }
  after(POLL_MS, () => void poll());
}

function followVisibility(): void {
  if (document.hidden) {
    clearTimeout(timer);
    closeStream();
    if (live.connection.state !== 'lost') set({ connection: { state: 'resting' } });
    return;
  }
  if (live.connection.state === 'lost' || Date.now() < streamBlockedUntilMs) void poll();
  else openStream();
}

/** Begins to listen; once for the life of the tab. */
export function startLive(): void {
  document.addEventListener('visibilitychange', followVisibility);
  followVisibility();
}

/** Asks at once, instead of when it is next due. */
export function tryAgain(): void {
  clearTimeout(timer);
  void poll();
}

/** Calls `act` when something of these topics has changed, or may have. */
export function onChange(topics: readonly Topic[], act: () => void): () => void {
  const hear = (changed: readonly Topic[]) => {
    if (changed.some((topic) => topics.includes(topic))) act();
  };
  hearers.add(hear);
  return () => hearers.delete(hear);
}

/** The newest sample and the state of the connection. */
export function useLive(): Live {
  const [now, setNow] = useState(live);
  useEffect(() => {
    setNow(live);
    watchers.add(setNow);
    return () => {
      watchers.delete(setNow);
    };
  }, []);
  return now;
}
