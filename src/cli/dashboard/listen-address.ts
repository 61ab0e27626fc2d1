import { isIP } from 'node:net';
import type { Reading } from '../../core/config/option-values.ts';

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Only programs on this machine can reach it. */
  readonly isLoopback: boolean;
}

export const DEFAULT_ADDRESS: ListenAddress = { host: '127.0.0.1', port: 4_600, isLoopback: true };

/** Reads `host:port`, `[::1]:port` or a port alone, which is on loopback. */
export function readListenAddress(text: string): Reading<ListenAddress> {
  const [, bracketed, plain, digits = ''] = /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain ?? '127.0.0.1';
  const port = digits === '' ? Number.NaN : Number(digits);
  const isAddress = bracketed === undefined ? /^[\w.-]+$/.test(host) : isIP(bracketed) === 6;
  if (!isAddress || !(port <= 65_535)) return { expected: 'an address such as 127.0.0.1:4600 or [::1]:4600' };
  return { value: { host, port, isLoopback: isLoopback(host) } };
}

/** `http://host:port` of an address that is listened on. */
export function urlOf({ host, port }: Pick<ListenAddress, 'host' | 'port'>): string {
  const name = { '0.0.0.0': 'localhost', '::': 'localhost' }[host] ?? host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
