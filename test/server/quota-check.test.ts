import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runToEnd, startServer } from './support/program.ts';

test('roadstead quota check finds nothing wrong beside a running server', async (t) => {
  const server = await startServer(t, {});
  const env = { ROADSTEAD_DATA: server.data };

  const checked = await runToEnd(t, ['quota', 'check'], { env });

  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, /Projects wrong: 0/);
});
