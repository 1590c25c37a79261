import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { startApp, temporaryFolder } from '../../../test/harness.ts';

const INFO = '/api/v2.0/systeminfo';
const CONFIGURATIONS = '/api/v2.0/configurations';

const FOR_EVERYBODY = {
  auth_mode: 'db_auth',
  primary_auth_mode: false,
  self_registration: false,
  banner_message: '',
  oidc_provider_name: '',
};

test('everybody is told how to sign in, and whoever has signed in the rest', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');

  const anonymous = (await as('anonymous').get(INFO)).json();
  const { current_time, harbor_version, ...rest } = (await as('ann').get(INFO)).json();

  assert.deepEqual(anonymous, FOR_EVERYBODY);
  assert.deepEqual(rest, {
    ...FOR_EVERYBODY,
    external_url: 'http://localhost:80',
    registry_url: 'localhost:80',
    project_creation_restriction: 'everyone',
    has_ca_root: false,
    registry_storage_provider_name: 'filesystem',
    read_only: false,
    notification_enable: true,
  });
  assert.match(harbor_version, /^v2\.\d+\.\d+-roadstead-\d+\.\d+\.\d+$/);
  assert.ok(Math.abs(Date.parse(current_time) - Date.now()) < 600_000);
});

test('what an administrator has set shows at once', async (t) => {
  const { as } = await startApp(t);
  const banner_message = '{"message":"Hello"}';
  const read = async () => (await as('admin').get(INFO)).json();

  await as('admin').put(CONFIGURATIONS, { banner_message, read_only: true, oidc_name: 'Dex' });
  const local = await read();
  await as('admin').put(CONFIGURATIONS, { auth_mode: 'oidc_auth' });
  const oidc = await read();
  await as('admin').put(CONFIGURATIONS, { auth_mode: 'http_auth' });
  const proxy = await read();

  assert.deepEqual([local.banner_message, local.read_only], [banner_message, true]);
  assert.deepEqual([local.oidc_provider_name, oidc.oidc_provider_name], ['', 'Dex']);
  assert.equal(local.authproxy_settings, undefined);
  assert.deepEqual(proxy.authproxy_settings, {
    endpoint: '',
    tokenreivew_endpoint: '',
    skip_search: false,
    verify_cert: true,
    server_certificate: '',
  });
});

test('the URL is the one that is configured', async (t) => {
  const { as } = await startApp(t, {
    config: (values) => (values.external_url = 'https://registry.example.com:8443/'),
  });

  const { external_url, registry_url } = (await as('admin').get(INFO)).json();

  assert.equal(external_url, 'https://registry.example.com:8443');
  assert.equal(registry_url, 'registry.example.com:8443');
});

test('an administrator sees how much room there is', async (t) => {
  const { as, createUser, platform } = await startApp(t);
  await createUser('ann');
  const url = `${INFO}/volumes`;

  const volumes = (await as('admin').get(url)).json();
  t.mock.method(platform.disks, 'list', async () => []);
  const withoutLimit = (await as('admin').get(url)).json();

  const [{ total, free }] = volumes.storage;
  assert.ok(total >= free && free > 0);
  assert.deepEqual(withoutLimit, { storage: [] });
  assert.equal((await as('ann').get(url)).statusCode, 403);
  assert.equal((await as('anonymous').get(url)).statusCode, 401);
});

test('the certificate of the authority can be downloaded, and nothing that stands beside it', async (t) => {
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  const key = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n';
  const ca_file = join(await temporaryFolder(t), 'ca.pem');
  await writeFile(ca_file, `${key}${certificate}${key}${certificate}`);
  const { as } = await startApp(t, {
    config: (values) => {
      values.tls.ca_file = ca_file;
      values.external_url = 'https://registry.example.com';
    },
  });

  const { has_ca_root } = (await as('admin').get(INFO)).json();
  const reply = await as('anonymous').get(`${INFO}/getcert`);

  assert.equal(has_ca_root, true);
  assert.equal(reply.statusCode, 200);
  assert.equal(reply.headers['content-disposition'], 'attachment; filename=ca.crt');
  assert.match(String(reply.headers['content-type']), /^application\/octet-stream/);
  assert.equal(reply.body, certificate + certificate);
});

test('without one there is nothing to download', async (t) => {
  const { as } = await startApp(t);

  assert.equal((await as('anonymous').get(`${INFO}/getcert`)).statusCode, 404);
});

test('/api/version says where the API is, to everybody', async (t) => {
  const { as } = await startApp(t);

  const reply = await as('anonymous').get('/api/version');

  assert.deepEqual(reply.json(), { version: 'v2.0' });
});
