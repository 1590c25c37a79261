import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { must } from '../../../test/harness/registry.ts';
import { startApp } from '../../../test/harness.ts';
import { dispatching, emit, type EventType } from '../../platform/events/index.ts';
import type { Platform } from '../../platform/index.ts';
import { auditForwarding } from './forwarding.ts';

const API = '/api/v2.0';

interface Entry {
  id: number;
  username: string;
  operation: string;
  resource_type: string;
  resource: string;
}

async function start(t: TestContext) {
  const app = await startApp(t);
  const admin = app.as('admin');
  const { platform } = app;
  return {
    ...app,
    admin,
    set: async (settings: object) => must(await admin.put(`${API}/configurations`, settings), 200),
    happen: (type: EventType, name: string) =>
      emit(platform.db, { type, subject: { project: name }, actor: 'ann', client: '192.0.2.7 x' }),
    dispatch: () => dispatching.run(platform, new AbortController().signal),
    async list(path = 'auditlog-exts') {
      const reply = must(await admin.get(`${API}/${path}`), 200);
      return {
        ids: reply.json<Entry[]>().map(({ id }) => id),
        total: reply.headers['x-total-count'],
      };
    },
  };
}

/** A syslog server that keeps what it is sent. */
async function listen(t: TestContext, port = 0) {
  const lines: string[] = [];
  const server = createServer((socket) => {
    void text(socket).then(
      (sent) => lines.push(...sent.split('\n').slice(0, -1)),
      () => {},
    );
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  const close = async () => {
    if (server.listening) await once(server.close(), 'close');
  };
  t.after(close);
  const { port: listensOn } = server.address() as AddressInfo;
  return {
    lines,
    close,
    port: listensOn,
    endpoint: `127.0.0.1:${listensOn}`,
    /** What entries were about, when so many have come. */
    async resources(count: number) {
      for (let waits = 0; lines.length < count && waits < 600; waits++) await setTimeout(100);
      return lines.map((line) => (JSON.parse(line.slice(line.indexOf('{'))) as Entry).resource);
    },
  };
}

const forward = (platform: Platform) => auditForwarding.run(platform, new AbortController().signal);

test('entries are forwarded in order, each once, from when a server is named, whichever node is at it', async (t) => {
  const { happen, dispatch, set, platform, ...app } = await start(t);
  const other = await startApp(t, { besides: { ...app, platform } });
  const syslog = await listen(t);
  await happen('project.created', 'before');
  await dispatch();
  await set({ audit_log_forward_endpoint: syslog.endpoint });
  await dispatch();
  await forward(platform);
  assert.deepEqual(syslog.lines, []);

  const names = Array.from({ length: 1200 }, (_, number) => `p${number}`);
  for (const name of names) await happen('project.created', name);
  await dispatch();
  await Promise.all([forward(platform), forward(other.platform)]);
  await forward(platform);

  assert.deepEqual(await syslog.resources(names.length), names);
  assert.match(
    syslog.lines[0]!,
    /^<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [!-~]+ roadstead - create_project - \{"id":\d+,"username":"ann",/,
  );
});

test('what the server did not take is sent when it is back, and what happened while none was named never', async (t) => {
  const { happen, dispatch, set, platform } = await start(t);
  const syslog = await listen(t);
  await set({ audit_log_forward_endpoint: syslog.endpoint });
  await dispatch();
  await forward(platform);
  await syslog.close();
  await happen('project.created', 'waits');
  await dispatch();
  const giveUp = new AbortController();
  const warned = t.mock.method(platform.log, 'warn', () => giveUp.abort());
  await auditForwarding.run(platform, giveUp.signal);
  assert.equal(warned.mock.callCount(), 1);

  const again = await listen(t, syslog.port);
  await forward(platform);
  assert.deepEqual(await again.resources(1), ['waits']);

  await set({ audit_log_forward_endpoint: '' });
  await happen('project.created', 'unseen');
  await dispatch();
  await forward(platform);
  await set({ audit_log_forward_endpoint: syslog.endpoint });
  await dispatch();
  await forward(platform);
  await happen('project.created', 'seen');
  await dispatch();
  await forward(platform);
  assert.deepEqual(await again.resources(2), ['waits', 'seen']);
});

test('a name can not begin a line of its own', async (t) => {
  const { dispatch, set, platform } = await start(t);
  const syslog = await listen(t);
  await set({ audit_log_forward_endpoint: syslog.endpoint });
  await dispatch();
  await forward(platform);
  platform.recorder.record({
    type: 'user.signed_in',
    subject: { user: 'x\n<8>1 forged' },
    actor: 'x\n<8>1 forged',
    client: '192.0.2.7 agent\r\n<8>1',
    result: 'UNAUTHORIZED',
  });
  await platform.recorder.flush();
  await dispatch();
  await forward(platform);

  await syslog.resources(2);
  const lines = syslog.lines.filter((line) => line.includes('forged'));
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^<108>1 .* login_user - \{.*"result_code":"UNAUTHORIZED"/);
});

test('disabled types are neither listed nor forwarded, those that are only forwarded are not listed', async (t) => {
  const { admin, happen, dispatch, set, list, platform } = await start(t);
  const syslog = await listen(t);
  await set({
    audit_log_forward_endpoint: syslog.endpoint,
    disabled_audit_log_event_types: 'create_project, delete_label',
  });
  await dispatch();
  await forward(platform);
  const before = await list();
  for (const type of ['project.created', 'label.deleted', 'project.deleted'] as const) {
    await happen(type, type);
  }
  await dispatch();
  const after = await list();
  await set({ skip_audit_log_database: true });
  await happen('project.deleted', 'forwarded');
  await dispatch();
  await forward(platform);

  const exported = (await admin.get(`${API}/auditlog-exts/export?format=jsonl`)).body;
  const listed = await list();
  assert.deepEqual([before.total, after.total, listed.total], ['1', '2', '3']);
  assert.deepEqual(listed.ids, [5, 4, 1]);
  assert.deepEqual((await list('auditlog-exts?page_size=1&page=2')).ids, [4]);
  assert.equal(exported.split('\n').length - 1, 3);
  assert.deepEqual(await syslog.resources(3), ['project.deleted', 'configuration', 'forwarded']);
  const feed = await platform.db.selectFrom('event').select('seq').execute();
  assert.equal(feed.length, 6);
});
