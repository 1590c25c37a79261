import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';

import { temporaryFolder } from '../../../test/harness.ts';
import { createLog } from '../log/index.ts';
import { ConfigError, readConfig, toConfig } from './index.ts';
import { listConfigKeys } from './schema.ts';

async function writeYaml(t: TestContext, text: string): Promise<{ ROADSTEAD_CONFIG: string }> {
  const file = join(await temporaryFolder(t), 'config.yaml');
  await writeFile(file, text);
  return { ROADSTEAD_CONFIG: file };
}

test('without file and environment every key has its default', () => {
  const config = readConfig({});

  assert.equal(config.port, 8080);
  assert.equal(config.host, '::');
  assert.equal(config.database_url, undefined);
  assert.deepEqual(config.trusted_proxies, []);
  assert.equal(config.tokens.lifetime_seconds, 600);
  assert.equal(config.limits.manifest_bytes, 4 * 1024 * 1024);
  for (const { path, schema } of listConfigKeys()) {
    if (schema.default === undefined || path[0] === 'data') continue;
    const value = path.reduce<unknown>(
      (node, name) => (node as Record<string, unknown>)[name],
      config,
    );
    assert.deepEqual(value, schema.default, path.join('.'));
  }
});

test('the environment goes before the file, the file before the defaults', async (t) => {
  const environment = await writeYaml(t, 'port: 1\nworkers: 2\nlog:\n  level: warn\n');

  const config = readConfig({
    ...environment,
    ROADSTEAD_PORT: '3',
    ROADSTEAD_LOG_REQUESTS: 'none',
    ROADSTEAD_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    DATABASE_URL: 'postgres://user:word@host/name',
  });

  assert.equal(config.port, 3);
  assert.equal(config.workers, 2);
  assert.deepEqual(config.log, { level: 'warn', requests: 'none' });
  assert.deepEqual(config.trusted_proxies, ['10.0.0.0/8', '::1']);
  assert.equal(config.database_url, 'postgres://user:word@host/name');
});

test('a secret is read from the file that …_FILE names', async (t) => {
  const file = join(await temporaryFolder(t), 'secret');
  await writeFile(file, 'from a file\n');

  const config = readConfig({ ROADSTEAD_ADMIN_PASSWORD_FILE: file });

  assert.equal(config.admin_password, 'from a file');
});

const ENVIRONMENTS: [environment: Record<string, string>, message: RegExp][] = [
  [{ ROADSTEAD_PORT: 'eighty' }, /^port: must be integer$/],
  [{ ROADSTEAD_PORT: '80.5' }, /^port: /],
  [{ ROADSTEAD_PORT: '70000' }, /^port: must be <= 65535$/],
  [
    { ROADSTEAD_LOG_REQUESTS: 'yes' },
    /^log\.requests: must be equal to one of the allowed values: all, changes, none$/,
  ],
  [{ ROADSTEAD_LOG_LEVEL: 'loud' }, /^log\.level: .*: trace, debug, info, warn, error, fatal$/],
  [{ ROADSTEAD_TOKENS_LIFETIME_SECONDS: '1' }, /^tokens\.lifetime_seconds: must be >= 60$/],
  [{ ROADSTEAD_PROT: '80' }, /^ROADSTEAD_PROT is not a setting/],
  [{ ROADSTEAD_PORT_FILE: '/x' }, /ROADSTEAD_PORT_FILE/],
  [{ ROADSTEAD_SECRET_KEY: 'short' }, /^secret_key: it must have at least 32 characters$/],
  [{ ROADSTEAD_SECRET_KEY_FILE: '/nowhere/at/all' }, /^ROADSTEAD_SECRET_KEY_FILE: ENOENT/],
  [{ ROADSTEAD_EXTERNAL_URL: 'registry.example.com' }, /^external_url: must be http:\/\/ or/],
  [{ ROADSTEAD_EXTERNAL_URL: 'https://a.example/path' }, /^external_url: /],
  [{ DATABASE_URL: 'mysql://host/name' }, /^database_url: must be a URL that starts with/],
  [{ ROADSTEAD_TRUSTED_PROXIES: 'everybody' }, /^trusted_proxies: everybody is neither/],
  [{ ROADSTEAD_TRUSTED_PROXIES: '10.0.0.0/33' }, /^trusted_proxies: /],
  [{ ROADSTEAD_TRUSTED_PROXIES: '0.0.0.0/0' }, /^trusted_proxies: /],
  [{ ROADSTEAD_TLS_HTTP2: 'true' }, /^tls\.http2: HTTP\/2 needs HTTPS/],
  [{ ROADSTEAD_TLS_KEY_FILE: '/nowhere' }, /^tls: certificate_file and key_file belong together/],
  [{ ROADSTEAD_S3_ENDPOINT: 'minio:9000' }, /^s3\.endpoint: must be http:\/\/ or https:\/\/ and/],
  [{ ROADSTEAD_S3_ENDPOINT: 'http://minio:9000' }, /^s3\.bucket: the other keys of s3 have no/],
  [{ ROADSTEAD_S3_PREFIX: '/a' }, /^s3\.prefix: must be letters, digits and/],
  [{ ROADSTEAD_S3_SECRET_ACCESS_KEY: 'x' }, /^s3: access_key_id and secret_access_key belong/],
  [{ ROADSTEAD_S3_REDIRECT_NETWORKS: '10.0.0.0/99' }, /^s3\.redirect_networks: 10\.0\.0\.0\/99 is/],
  [
    { ROADSTEAD_S3_REDIRECT: 'true', ROADSTEAD_GC_HOLD_SECONDS: '60' },
    /^s3\.redirect_seconds: it must not be more than gc\.hold_seconds/,
  ],
  [{ ROADSTEAD_CONFIG: '/nowhere/at/all.yaml' }, /^\/nowhere\/at\/all\.yaml: ENOENT/],
];

function readMistakes(environment: Record<string, string>): string {
  try {
    readConfig(environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  throw new assert.AssertionError({ message: `accepted: ${JSON.stringify(environment)}` });
}

test('a mistake in the environment is named with its key', () => {
  for (const [environment, message] of ENVIRONMENTS) {
    assert.match(readMistakes(environment), message, JSON.stringify(environment));
  }
});

const FILES: [text: string, message: RegExp][] = [
  ['prot: 80', /^prot: there is no such key$/],
  ['log:\n  lvel: info', /^log\.lvel: there is no such key$/],
  ['port: "8080"', /^port: must be integer$/],
  ['log: debug', /^log: must be object$/],
  ['trusted_proxies: 10.0.0.1', /^trusted_proxies: must be array$/],
  ['trusted_proxies: [1]', /^trusted_proxies\.0: must be string$/],
  ['data: null', /^data: must be string$/],
  ['- port', /it must hold keys and values$/],
  ['just text', /it must hold keys and values$/],
  ['port: [', /config\.yaml: .+/],
  ['port: 1\nport: 2', /config\.yaml: .*unique/],
];

test('a mistake in the file is named with its key', async (t) => {
  for (const [text, message] of FILES) {
    assert.match(readMistakes(await writeYaml(t, text)), message, text);
  }
});

test('all mistakes are told at once', () => {
  const message = readMistakes({ ROADSTEAD_PORT: 'x', ROADSTEAD_WORKERS: 'y', ROADSTEAD_NO: 'z' });

  assert.equal(message.split('\n').length, 3);
});

const SECRET = 'correct-horse-battery-staple-0123456789';

test('a mistake does not print the secrets around it', async (t) => {
  const broken = readMistakes(await writeYaml(t, `secret_key: "${SECRET}\nport: 1\n`));
  const wrong = readMistakes({ DATABASE_URL: `mysql://user:${SECRET}@host/name` });

  assert.ok(!broken.includes(SECRET), broken);
  assert.ok(!wrong.includes(SECRET), wrong);
});

test('secrets are never printed', () => {
  const values = readConfig({
    ROADSTEAD_SECRET_KEY: SECRET,
    ROADSTEAD_ADMIN_PASSWORD: SECRET,
    ROADSTEAD_METRICS_TOKEN: SECRET,
    DATABASE_URL: `postgres://user:${SECRET}@host/name`,
  });
  let logged = '';
  const log = createLog({ level: 'info', destination: { write: (line) => (logged += line) } });

  const config = toConfig(values);
  log.info({ config, secret: SECRET, headers: { authorization: SECRET, cookie: SECRET } }, 'test');
  const { secret_key } = config;
  const prints = [
    inspect(config, { depth: null, showHidden: true }),
    JSON.stringify(config),
    String(secret_key),
    `${secret_key!.toString()}`,
    logged,
  ];

  for (const print of prints) assert.ok(!print.includes(SECRET), print);
  assert.equal(secret_key!.reveal(), SECRET);
});

test('every key that holds a secret is hidden', () => {
  const isSecret = listConfigKeys().filter(({ schema }) => schema.secret === true);
  const environment = Object.fromEntries(
    isSecret.map(({ env }) => [env, env === 'DATABASE_URL' ? `postgres://${SECRET}` : SECRET]),
  );

  const others = { ROADSTEAD_S3_BUCKET: 'bucket', ROADSTEAD_S3_ACCESS_KEY_ID: 'key' };
  const config = toConfig(readConfig({ ...environment, ...others }));

  assert.ok(isSecret.length >= 4);
  assert.ok(!JSON.stringify(config).includes(SECRET));
});
