import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { debianArchive, debianName } from '../../../scripts/clients/make-images.ts';
import { SECRET_KEY, shareS3 } from '../../harness/s3.ts';
import { startExternalPostgres } from '../../server/support/external-postgres.ts';
import { run } from '../support/command.ts';
import { startDocker } from '../support/docker.ts';
import { openToContainers, startImageBuilder } from '../support/image.ts';
import { needs } from '../support/needs.ts';
import { findFreePort } from '../support/server.ts';
import { shared } from '../support/shared.ts';

const deploy = join(import.meta.dirname, '../../../deploy');
const GATEWAY = '10.213.77.1';
const NETWORK = `networks: { default: { ipam: { config: [{ subnet: 10.213.77.0/24, gateway: ${GATEWAY} }] } } }\n`;

const s3 = shareS3();
const builder = shared(startImageBuilder);
const docker = shared(startDocker);
const release = shared(async () => ({
  ...(await (await builder()).build('localhost/roadstead:release')),
  stop: async () => {},
}));
const options = needs('buildah', 'docker', 'dockerd', 'docker-compose', 'images');

/** `docker compose`, on the files of deploy/ and what a test adds to them. */
async function compose(project: string, files: string[], given: Record<string, string>) {
  const { folder, run: typeDocker } = await docker();
  const { archive } = await release();
  await typeDocker(['load', '-i', archive]);
  const port = String(await findFreePort());
  const address = `127.0.0.1:${port}`;
  const base = {
    ...folder.env,
    DOCKER_HOST: `unix://${folder.path}/docker.sock`,
    IMAGE: 'localhost/roadstead:release',
    PORT: port,
    EXTERNAL_URL: `http://${address}`,
    ...given,
  };
  const place = ['-p', project, ...files.flatMap((file) => ['-f', file])];
  const type = (args: string[], more: Record<string, string> = {}) =>
    run('docker-compose', [...place, ...args], { env: { ...base, ...more }, timeoutMs: 300_000 });
  return {
    address,
    compose: type,
    up: (more?: Record<string, string>) => type(['up', '--detach', '--no-build'], more),
    inside: (...command: string[]) => type(['exec', '-T', 'roadstead', ...command]),
    async healthy() {
      for (const until = performance.now() + 120_000; performance.now() < until; await sleep(200)) {
        const reply = await fetch(`http://${address}/api/v2.0/health`).catch(() => undefined);
        if (reply?.status === 200) return;
      }
      throw new Error(await type(['logs']));
    },
  };
}

test('the same sources on the same base give the same image', options, async () => {
  const { id } = await release();

  const again = await (await builder()).build('localhost/roadstead:again', { TZ: 'Asia/Tokyo' });

  assert.equal(again.id, id);
});

test(
  'the compose file runs it without rights; data outlive a kill and an upgrade',
  options,
  async () => {
    const { run: typeDocker, login, idOf } = await docker();
    const files = [join(deploy, 'compose.yaml')];
    const stack = await compose('rs-embedded', files, {});
    await stack.up();
    await stack.healthy();
    const password = await stack.inside('cat', '/var/lib/roadstead/admin-password');
    const name = `${stack.address}/library/debian:1`;
    const pull = async () => {
      await typeDocker(['image', 'rm', name]);
      await typeDocker(['pull', name]);
      return idOf(name);
    };

    await login(stack.address, { username: 'admin', password });
    await typeDocker(['load', '-i', debianArchive]);
    await typeDocker(['tag', debianName, name]);
    const id = await idOf(name);
    await typeDocker(['push', name]);
    await stack.inside('sh', '-c', '(sleep 0.1 &)'); // loses its parent, and ends
    await sleep(1000);
    const states = await stack.inside('sh', '-c', 'cat /proc/[0-9]*/stat');
    assert.doesNotMatch(states, /^\d+ \(.*\) Z /m);
    assert.equal(await stack.inside('id', '-u'), '10001');
    assert.match(await stack.inside('roadstead', 'health'), /"status":"healthy"/);
    await assert.rejects(stack.inside('touch', '/opt/roadstead/file'), /Read-only file system/);

    await stack.compose(['kill']);
    await stack.up();
    await stack.healthy();
    assert.equal(await pull(), id);

    const next = await (
      await builder()
    ).build('localhost/roadstead:next', { SOURCE_DATE_EPOCH: '1700000000' });
    await typeDocker(['load', '-i', next.archive]);
    await stack.up({ IMAGE: 'localhost/roadstead:next' });
    await stack.healthy();
    assert.equal(await pull(), id);

    const container = await stack.compose(['ps', '-q']);
    await stack.compose(['stop']);
    const code = ['inspect', '--format', '{{.State.ExitCode}} {{.Image}}', container];
    assert.equal(await typeDocker(code), `0 ${next.id}`);
    await stack.compose(['down', '--volumes']);
  },
);

test(
  'the compose file for an external database and store keeps nothing itself',
  options,
  async (t) => {
    const { folder, run: typeDocker, login, idOf } = await docker();
    const at = (name: string) => join(folder.path, 'external', name);
    const database = new URL((await startExternalPostgres(t)).url());
    const bucket = await (await s3()).makeBucket();
    database.port = String(await openToContainers(database.href));
    database.hostname = GATEWAY;
    const secrets = {
      database_url: database.href,
      secret_key: 'of this test alone, 32 characters and more',
      s3_secret_access_key: SECRET_KEY,
    };
    mkdirSync(at('secrets'), { recursive: true });
    chmodSync(folder.path, 0o755); // secrets are mounted from here, for user 10001
    for (const [name, value] of Object.entries(secrets)) {
      writeFileSync(at(`secrets/${name}`), value);
    }
    cpSync(join(deploy, 'compose.external.yaml'), at('compose.yaml'));
    writeFileSync(at('network.yaml'), `version: '3.9'\n${NETWORK}`);
    const stack = await compose('rs-external', [at('compose.yaml'), at('network.yaml')], {
      S3_BUCKET: bucket.bucket!,
      S3_ENDPOINT: `http://${GATEWAY}:${await openToContainers(bucket.endpoint!)}`,
      S3_ACCESS_KEY_ID: bucket.access_key_id!,
    });
    await stack.up();
    await stack.healthy();
    const password = await stack.inside('cat', '/var/lib/roadstead/admin-password');
    const name = `${stack.address}/library/debian:1`;
    await login(stack.address, { username: 'admin', password });
    await typeDocker(['load', '-i', debianArchive]);
    await typeDocker(['tag', debianName, name]);
    await typeDocker(['push', name]);
    const id = await idOf(name);

    await stack.compose(['down', '--volumes']);
    await stack.up();
    await stack.healthy();
    await typeDocker(['image', 'rm', name]);
    await typeDocker(['pull', name]);

    assert.equal(await idOf(name), id);
    assert.ok((await (await s3()).listFiles(bucket.bucket!)).length > 0);
    await stack.compose(['down', '--volumes']);
  },
);
