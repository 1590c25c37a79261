import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FastifyRequest } from 'fastify';

import { clientAddress } from './client-address.ts';

const ROWS: [forwarded: string | undefined, address: string][] = [
  ['203.0.113.9', '203.0.113.9'],
  ['203.0.113.9:1234', '203.0.113.9'],
  ['203.0.113.9:', '203.0.113.9'],
  ['2001:db8::1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:99', '2001:db8::1'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['[::ffff:203.0.113.9]:80', '203.0.113.9'],
  ['unknown', '192.0.2.1'],
  ['_hidden', '192.0.2.1'],
  ['203.0.113.9:x', '192.0.2.1'],
  ['1.2.3.4.5:6', '192.0.2.1'],
  ['x'.repeat(10_000), '192.0.2.1'],
  ['', '192.0.2.1'],
  [undefined, '192.0.2.1'],
];

test('a forwarded address loses its port, and what is none is the proxy’s', () => {
  for (const [ip, address] of ROWS) {
    const request = { ip, socket: { remoteAddress: '::ffff:192.0.2.1' } };

    assert.equal(clientAddress(request as FastifyRequest), address, String(ip));
  }
});

test('a connection that has just ended has no address', () => {
  assert.equal(clientAddress({ socket: {} } as FastifyRequest), 'gone');
});
