import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import { bearer, fetchToken } from '../../../test/harness/tokens.ts';
import { startApp } from '../../../test/harness.ts';
import { Secret } from '../../lib/secret.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import { applySettings, findSettings } from './index.ts';

const CONFIGURATIONS = '/api/v2.0/configurations';
const PROJECTS = '/api/v2.0/projects';

test('an administrator reads all settings and sets some; the others stay', async (t) => {
  const { as } = await startApp(t);

  const before = (await as('admin').get(CONFIGURATIONS)).json();
  const set = await as('admin').put(CONFIGURATIONS, { ldap_timeout: 9, oidc_name: 'Dex' });
  const after = (await as('admin').get(CONFIGURATIONS)).json();

  assert.deepEqual((await as('admin').get('/api/v2.0/internalconfig')).json(), after);
  assert.deepEqual(before.session_timeout, { value: 60, editable: true });
  assert.deepEqual(before.token_expiration, { value: 10, editable: true });
  assert.deepEqual(before.banner_message, { value: '', editable: true });
  assert.equal(set.statusCode, 200);
  assert.equal(set.body, '');
  assert.deepEqual(after, {
    ...before,
    ldap_timeout: { value: 9, editable: true },
    oidc_name: { value: 'Dex', editable: true },
  });
});

test('only a system administrator reads or sets them', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');

  for (const [name, status] of [
    ['ann', 403],
    ['anonymous', 401],
  ] as const) {
    assert.equal((await as(name).get(CONFIGURATIONS)).statusCode, status);
    assert.equal((await as(name).put(CONFIGURATIONS, { read_only: true })).statusCode, status);
    assert.equal((await as(name).get('/api/v2.0/internalconfig')).statusCode, status);
  }
});

const BODIES: [body: unknown, status: number][] = [
  [{}, 200],
  [{ read_only: null, no_such_setting: 1, id: 7 }, 200],
  [{ token_expiration: 1 }, 200],
  [{ token_expiration: 9_999_999_999 }, 200],
  [{ session_timeout: 9_999_999_999 }, 200],
  [{ storage_per_project: -1 }, 200],
  [{ storage_per_project: 2 ** 40 }, 200],
  [{ robot_name_prefix: 'bot-' }, 200],
  [{ disabled_audit_log_event_types: 'create_user, login_user' }, 200],
  [{ oidc_extra_redirect_parms: '{"prompt":"login"}' }, 200],
  [{ ldap_scope: 0, ldap_group_search_scope: 1 }, 200],
  [{ banner_message: 'Grüße €🚢 "\\' }, 200],
  [{ read_only: 'true' }, 422],
  [{ read_only: 1 }, 422],
  [{ token_expiration: '30' }, 422],
  [{ token_expiration: 30.5 }, 422],
  [{ token_expiration: true }, 422],
  [{ banner_message: 7 }, 422],
  [{ banner_message: {} }, 422],
  [{ ldap_search_password: ['x'] }, 422],
  [[], 422],
  ['text', 415],
  [undefined, 422],
  [{ token_expiration: 0 }, 400],
  [{ token_expiration: -1 }, 400],
  [{ token_expiration: 10_000_000_000 }, 400],
  [{ robot_token_duration: 0 }, 400],
  [{ session_timeout: 0 }, 400],
  [{ storage_per_project: 0 }, 400],
  [{ storage_per_project: -2 }, 400],
  [{ storage_per_project: 1e300 }, 400],
  [{ project_creation_restriction: 'nobody' }, 400],
  [{ project_creation_restriction: '' }, 400],
  [{ auth_mode: 'no_auth' }, 400],
  [{ ldap_scope: 3 }, 400],
  [{ ldap_url: '' }, 400],
  [{ ldap_uid: ' ' }, 400],
  [{ robot_name_prefix: '' }, 400],
  [{ robot_name_prefix: 'robot:' }, 400],
  [{ robot_name_prefix: 'robot ' }, 400],
  [{ robot_name_prefix: 'x'.repeat(256) }, 400],
  [{ disabled_audit_log_event_types: 'a;b' }, 400],
  [{ audit_log_forward_endpoint: 'example.com' }, 400],
  [{ audit_log_forward_endpoint: 'http://example.com:514' }, 400],
  [{ audit_log_forward_endpoint: '127.0.0.1:99999' }, 400],
  [{ audit_log_forward_endpoint: '127.0.0.1:1' }, 400],
  [{ skip_audit_log_database: true }, 400],
  [{ oidc_extra_redirect_parms: 'prompt' }, 400],
  [{ oidc_extra_redirect_parms: '[]' }, 400],
  [{ oidc_extra_redirect_parms: '{"prompt":1}' }, 400],
  [{ oidc_extra_redirect_parms: 'null' }, 400],
  [{ banner_message: 'a\0' }, 400],
  [{ banner_message: '\ud800' }, 400],
  [{ oidc_client_secret: 'a\0' }, 400],
  [{ banner_message: 'x'.repeat(65_537) }, 400],
];

test('a value that makes no sense is refused, with all that came with it', async (t) => {
  const { as } = await startApp(t);

  for (const [body, status] of BODIES) {
    const given = status === 400 ? { ldap_filter: 'kept out', ...(body as object) } : body;
    const reply = await as('admin').put(CONFIGURATIONS, given as object);

    assert.equal(reply.statusCode, status, `${JSON.stringify(body)} ${reply.body}`);
    if (status !== 200) assert.ok(reply.json().errors[0].message.length > 0);
  }
  assert.equal((await as('admin').get(CONFIGURATIONS)).json().ldap_filter.value, '');
});

test('secrets are encrypted in the database and never come back', async (t) => {
  const { as, platform } = await startApp(t);
  const secrets = {
    ldap_search_password: 'hidden1',
    oidc_client_secret: 'hidden2',
    uaa_client_secret: 'hidden3',
  };

  const set = await as('admin').put(CONFIGURATIONS, { ...secrets, ldap_uid: 'uid' });
  const read = await as('admin').get(CONFIGURATIONS);

  const rows = await platform.db.selectFrom('setting').selectAll().execute();
  const events = await platform.db.selectFrom('event_outbox').selectAll().execute();
  assert.equal(set.statusCode, 200);
  for (const text of [read.body, JSON.stringify(rows), JSON.stringify(events)]) {
    assert.doesNotMatch(text, /hidden/);
  }
  const sealed = rows.find(({ name }) => name === 'ldap_search_password')!.sealed!;
  const open = platform.secretBox.open(sealed, 'setting ldap_search_password');
  assert.equal(open.toString(), 'hidden1');
  assert.throws(() => platform.secretBox.open(sealed, 'setting oidc_client_secret'));
  const { subject, before, after, actor } = events.find(({ type }) => type.startsWith('conf'))!;
  assert.deepEqual(
    { subject, before, after, actor },
    {
      subject: { configuration: 'configuration' },
      before: { ldap_uid: 'cn' },
      after: {
        ldap_uid: 'uid',
        ldap_search_password: '***',
        oidc_client_secret: '***',
        uaa_client_secret: '***',
      },
      actor: 'admin',
    },
  );
});

test('what is set to what it was is no change', async (t) => {
  const { as, platform } = await startApp(t);
  const body = { session_timeout: 60, oidc_client_secret: 'same', ldap_uid: 'uid' };
  await as('admin').put(CONFIGURATIONS, body);

  await as('admin').put(CONFIGURATIONS, body);

  const events = await platform.db
    .selectFrom('event_outbox')
    .select('after')
    .where('type', '=', 'configuration.updated')
    .execute();
  assert.deepEqual(events, [{ after: { ldap_uid: 'uid', oidc_client_secret: '***' } }]);
});

test('changes at once are made one after another, and none is lost', async (t) => {
  const first = await startApp(t);
  const second = await startApp(t, { besides: first });
  const names = ['ldap_filter', 'ldap_uid', 'oidc_name', 'oidc_scope', 'http_authproxy_endpoint'];

  const replies = await Promise.all(
    names.flatMap((name) =>
      [first, second].map(({ as }) => as('admin').put(CONFIGURATIONS, { [name]: 'new' })),
    ),
  );

  const read = (await first.as('admin').get(CONFIGURATIONS)).json();
  for (const { statusCode } of replies) assert.equal(statusCode, 200);
  for (const name of names) assert.equal(read[name].value, 'new', name);
});

test('the way of signing in is fixed once there are users', async (t) => {
  const { as, createUser } = await startApp(t);
  const set = (auth_mode: string) => as('admin').put(CONFIGURATIONS, { auth_mode });

  const alone = await set('ldap_auth');
  const back = await set('db_auth');
  await createUser('ann');
  const late = await set('ldap_auth');
  const same = await set('db_auth');

  const { auth_mode, read_only } = (await as('admin').get(CONFIGURATIONS)).json();
  assert.deepEqual(
    [alone, back, late, same].map(({ statusCode }) => statusCode),
    [200, 200, 400, 200],
  );
  assert.deepEqual(
    [auth_mode, read_only].map(({ editable }) => editable),
    [false, true],
  );
});

test('an endpoint for the audit log must answer, and stays as long as the log is nowhere else', async (t) => {
  const { as } = await startApp(t);
  const endpoint = `127.0.0.1:${await listen(t)}`;
  const set = (body: object) => as('admin').put(CONFIGURATIONS, body);

  const replies = [
    await set({ audit_log_forward_endpoint: endpoint, skip_audit_log_database: true }),
    await set({ audit_log_forward_endpoint: '' }),
    await set({ audit_log_forward_endpoint: '', skip_audit_log_database: false }),
  ];

  assert.deepEqual(
    replies.map(({ statusCode }) => statusCode),
    [200, 400, 200],
  );
});

async function listen(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('nothing changes while the registry is read-only, except that it is', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');
  const token = await fetchToken({ as }, 'admin', 'repository:team/app:pull,push');
  const words = /system is in read only mode\. Any modification is prohibited/;

  await as('admin').put(CONFIGURATIONS, { read_only: true });

  const refused = [
    await as('admin').post(PROJECTS, { project_name: 'other' }),
    await as('admin').put(`${PROJECTS}/team`, { metadata: { public: 'true' } }),
    await as('admin').delete(`${PROJECTS}/team`),
    await as('anonymous').post('/v2/team/app/blobs/uploads/', undefined, bearer(token)),
    await as('anonymous').delete('/v2/team/app/manifests/latest', bearer(token)),
    await as('admin').post('/v2/team/app/blobs/uploads/'),
  ];
  for (const reply of refused) {
    assert.equal(reply.statusCode, 403);
    assert.equal(reply.json().errors[0].code, 'DENIED');
    assert.match(reply.json().errors[0].message, words);
  }
  assert.equal((await as('admin').get(`${PROJECTS}/team`)).statusCode, 200);
  assert.equal((await as('admin').get('/service/token?scope=')).statusCode, 200);
  assert.equal((await as('admin').post('/service/token')).statusCode, 400);
  assert.equal((await as('admin').put(CONFIGURATIONS, { read_only: false })).statusCode, 200);
  assert.equal((await as('admin').delete(`${PROJECTS}/team`)).statusCode, 200);
});

test('when a change is answered it counts on all workers and nodes', async (t) => {
  const here = await startApp(t);
  const there = await startApp(t, { besides: here });
  const admin = there.as('admin');
  const settings = { read_only: false, robot_token_duration: 3, robot_name_prefix: 'bot-' };
  const robot = {
    level: 'system',
    permissions: [
      { kind: 'system', namespace: '/', access: [{ resource: 'catalog', action: 'read' }] },
    ],
  };
  const before = (await admin.post('/api/v2.0/robots', { ...robot, name: 'early' })).json();

  await here.as('admin').put(CONFIGURATIONS, { read_only: true });
  const refused = await admin.post(PROJECTS, { project_name: 'late' });
  await here.as('admin').put(CONFIGURATIONS, settings);
  const after = (await admin.post('/api/v2.0/robots', { ...robot, name: 'late' })).json();

  assert.equal(before.name, 'robot$early');
  assert.equal(refused.statusCode, 403);
  assert.equal(after.name, 'bot-late');
  const read = (await admin.get(`/api/v2.0/robots/${after.id}`)).json();
  assert.equal(read.duration, 3);
});

test('project_creation_restriction says who may create projects', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');
  const create = async (name: string, project_name: string) =>
    (await as(name).post(PROJECTS, { project_name })).statusCode;

  await as('admin').put(CONFIGURATIONS, { project_creation_restriction: 'adminonly' });

  assert.equal(await create('ann', 'one'), 403);
  assert.equal(await create('admin', 'two'), 201);
  await as('admin').put(CONFIGURATIONS, { project_creation_restriction: 'everyone' });
  assert.equal(await create('ann', 'three'), 201);
});

test('token_expiration says how long bearer tokens are valid, in minutes', async (t) => {
  const { as } = await startApp(t);
  const lifetime = async () => {
    const { token, expires_in } = (await as('admin').get('/service/token?scope=')).json();
    const { exp, iat } = JSON.parse(
      Buffer.from(token.split('.')[1], 'base64url').toString(),
    ) as Record<string, number>;
    assert.equal(exp! - iat!, expires_in);
    assert.equal((await as('anonymous').get('/v2/', bearer(token))).statusCode, 200);
    return expires_in;
  };

  assert.equal(await lifetime(), 600);
  await as('admin').put(CONFIGURATIONS, { token_expiration: 45 });
  assert.equal(await lifetime(), 2700);
  await as('admin').put(CONFIGURATIONS, { token_expiration: 9_999_999_999 });
  assert.equal(await lifetime(), 30 * 86_400);
});

test('settings of the configuration are set at the start, and changed nowhere else', async (t) => {
  const settings = { read_only: true, oidc_client_secret: 'hidden' };
  const { as, platform } = await startApp(t, {
    config: (values) => (values.settings_overwrite = JSON.stringify(settings)),
  });

  await applySettings(platform, JSON.stringify(settings));
  await applySettings(platform, JSON.stringify(settings));

  const read = (await as('admin').get(CONFIGURATIONS)).json();
  const events = await platform.db.selectFrom('event_outbox').select('actor').execute();
  assert.deepEqual(read.read_only, { value: true, editable: false });
  assert.deepEqual(read.auth_mode, { value: 'db_auth', editable: false });
  assert.equal((await as('admin').put(CONFIGURATIONS, { read_only: false })).statusCode, 403);
  assert.deepEqual(events, [{ actor: 'CONFIG_OVERWRITE_JSON' }]);
});

const OVERWRITES: [json: string, message: RegExp][] = [
  ['{"read_only":tru', /must be a JSON object/],
  ['[]', /must be a JSON object/],
  ['null', /must be a JSON object/],
  ['{"read_onyl":true}', /read_onyl is no setting/],
  ['{"__proto__":true}', /__proto__ is no setting/],
  ['{"read_only":"true"}', /read_only must be boolean/],
  ['{"storage_per_project":0}', /storage_per_project is a number of bytes/],
  ['{"skip_audit_log_database":true}', /needs audit_log_forward_endpoint/],
];

test('settings of the configuration that make no sense are refused by name', async (t) => {
  const { platform } = await startApp(t);

  for (const [json, message] of OVERWRITES) {
    await assert.rejects(applySettings(platform, json), message, json);
  }
  assert.equal((await findSettings(platform.lookups)).read_only, false);
});

test('a secret that was encrypted with a lost key can be set anew', async (t) => {
  const { as, platform } = await startApp(t);
  const lost = createSecretBox(new Secret('another secret key, of 32 characters'));
  await applySettings({ ...platform, secretBox: lost }, '{"oidc_client_secret":"old"}');

  const set = await as('admin').put(CONFIGURATIONS, { oidc_client_secret: 'new' });

  assert.equal(set.statusCode, 200);
});
