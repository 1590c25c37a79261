import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inNetworks } from './networks.ts';

test('an address is in a network, or is one of the addresses', () => {
  const isMeant = inNetworks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']);

  const meant = ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:1::1'];
  const others = ['11.0.0.1', '::ffff:11.0.0.1', '192.0.2.8', '2001:db9::1', '::1', ''];
  assert.deepEqual(meant.map(isMeant), [true, true, true, true]);
  assert.deepEqual(new Set(others.map(isMeant)), new Set([false]));
});
