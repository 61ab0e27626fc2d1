import { Refusal } from './refusal.ts';

/** Which names of hosts a browser may have used for this dashboard; undefined for any. */
export type HostCheck = ((hostname: string) => boolean) | undefined;

/**
 * Refuses what another page has sent: under a name that is not this dashboard's, as after DNS rebinding, or to change something from
 * another origin.
 *
 * @throws Refusal FOREIGN_HOST, FOREIGN_ORIGIN, INVALID
 */
export function guardRequest(request: Request, isKnownHost: HostCheck): void {
  const { hostname } = new URL(request.url);
  if (isKnownHost?.(hostname) === false) {
    throw new Refusal(
      'FOREIGN_HOST',
      `This dashboard does not answer for the host ${JSON.stringify(hostname)}`,
      `If it is one of its names, start it with: --dashboard-host ${hostname}`,
    );
  }
  const site = request.headers.get('sec-fetch-site');
  const isChange = request.method !== 'GET' && request.method !== 'HEAD';
  if (!isChange) {
    // A link from elsewhere may open the page, but no other page reads or times what it loads.
    if (
      site !== null &&
      site !== 'same-origin' &&
      site !== 'none' &&
      request.headers.get('sec-fetch-mode') !== 'navigate'
    ) {
      throw new Refusal('FOREIGN_ORIGIN', 'Another page may not read this one');
    }
    return;
  }
  if (!isSameOrigin(request, site)) {
    throw new Refusal(
      'FOREIGN_ORIGIN',
      'What changes something has to come from the dashboard itself',
      'Programs send the header: Sec-Fetch-Site: same-origin',
    );
  }
  // A form of another page cannot send this type.
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new Refusal('INVALID', 'expected a body with Content-Type: application/json');
  }
}

/** Whether the page is of this origin: as the browser says, or an old one by the page's origin, whose scheme a proxy may have changed. */
function isSameOrigin(request: Request, site: string | null): boolean {
  if (site !== null) return site === 'same-origin';
  const origin = request.headers.get('origin');
  return origin !== null && URL.canParse(origin) && new URL(origin).host === new URL(request.url).host;
}

/** Headers of every answer: nothing but this server's own files runs, no other page frames or reads it, and nothing is kept. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
};
