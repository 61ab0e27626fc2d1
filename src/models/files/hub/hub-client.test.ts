import { afterEach, expect, test, vi } from 'vitest';
import { createHubClient } from './hub-client.ts';

const FILE = { repo: 'org/repo', revision: 'a b/ü', path: 'onnx/model #1.onnx' };
const never = new AbortController().signal;
const hub = createHubClient({ endpoint: 'https://hub.example/mirror', token: 'geheim', isOffline: false });
afterEach(() => vi.unstubAllGlobals());

/** Answers each request with the next response; what was asked is kept. */
function answer(...responses: readonly Response[]) {
  const asked: { url: string; authorization: string | null }[] = [];
  const left = [...responses];
  vi.stubGlobal('fetch', async (url: URL, { headers }: { headers: Headers }) => {
    asked.push({ url: url.href, authorization: headers.get('authorization') });
    return left.shift() ?? new Response(null, { status: 404 });
  });
  return asked;
}
const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });

test('every part of an address is escaped', async () => {
  const asked = answer(new Response('x'));
  await hub.deliver(FILE, 0, never);
  expect(asked[0]?.url).toBe('https://hub.example/mirror/org/repo/resolve/a%20b%2F%C3%BC/onnx/model%20%231.onnx');
});

test('no redirect leads from https to http', async () => {
  const asked = answer(redirect('http://storage.example/x?signature=abc'));
  await expect(hub.deliver(FILE, 0, never)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: 'hub.example redirects to storage.example without encryption',
  });
  expect(asked).toHaveLength(1);
});

test.each([
  ['https://storage.example/x', null],
  ['https://hub.example:8443/x', null],
  ['https://sub.hub.example/x', null],
  ['/renamed/x', 'Bearer geheim'],
])('after a redirect to %s the token sent is %s', async (location, authorization) => {
  const asked = answer(redirect(location), new Response('x'));
  await hub.deliver(FILE, 0, never);
  expect(asked.map((request) => request.authorization)).toEqual(['Bearer geheim', authorization]);
});

test('a part of the file that begins elsewhere is not taken', async () => {
  answer(new Response('x', { status: 206, headers: { 'content-range': 'bytes 5-9/10' } }));
  await expect(hub.deliver(FILE, 7, never)).rejects.toThrow('another part of the file');
});

test.each([
  ['"ABC"', undefined],
  [`"${'a'.repeat(63)}"`, undefined],
  [`W/"${'a'.repeat(64)}"`, `sha256:${'a'.repeat(64)}`],
  [`"${'b'.repeat(40)}"`, `git:${'b'.repeat(40)}`],
])('the tag %s announces %s', async (etag, hash) => {
  answer(new Response(null, { headers: { etag, 'content-length': '3' } }));
  const announced = hub.announce(FILE, never);
  if (hash === undefined) await expect(announced).rejects.toThrow('announces no hash');
  else expect(await announced).toEqual({ hash, size: 3, commit: undefined });
});
