import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './public-address.ts';

describe('isPublicAddress', () => {
  it.each(['8.8.8.8', '1.1.1.1', '93.184.216.34', '172.15.0.1', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
    'is true for %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1'],
    ...['172.31.255.255', '192.168.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '192.0.0.192'],
    ...['::', '::1', 'fd00::1', 'fc00::1', 'fe80::1', 'fe80::1%eth0', 'ff02::1', '2001:db8::1', '2001::1'],
    // They stand for 127.0.0.1 and 169.254.169.254.
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::1', '::ffff:a9fe:a9fe'],
    // Even a public one is not reached by way of another.
    ...['::ffff:8.8.8.8', '64:ff9b::808:808'],
    ...['', 'localhost', '127.1', '0x7f000001', '2130706433', '8.8.8.8.8'],
  ])('is false for %s', (address) => expect(isPublicAddress(address)).toBe(false));
});
