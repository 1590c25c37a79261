import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { smallLayout } from '../../../scripts/clients/make-images.ts';
import { refused, run } from '../support/command.ts';
import { makeFolder } from '../support/folder.ts';
import { digestOf } from '../support/layout.ts';
import { needs } from '../support/needs.ts';
import { listReferrers } from '../support/referrers.ts';
import { startServer } from '../support/server.ts';
import { shared } from '../support/shared.ts';

const server = shared(startServer);
const folder = shared(makeFolder);

const HTTP = '--allow-http-registry';
/** Nothing leaves this machine: no transparency log. */
const OFFLINE: Record<string, string[]> = {
  cosign2: ['--tlog-upload=false'],
  cosign3: ['--tlog-upload=false', '--use-signing-config=false'],
};
const VERIFY = ['--key', 'cosign.pub', '--insecure-ignore-tlog', HTTP];

/** A key pair, and an index with two images in a project of its own. */
async function begin(cosign: string) {
  const { address, admin, createProject } = await server();
  const { env: home, path } = await folder();
  const cwd = mkdtempSync(join(path, 'keys-'));
  const env = { ...home, COSIGN_PASSWORD: '', COSIGN_YES: 'true', COSIGN_EXPERIMENTAL: '1' };
  const repository = `${await createProject()}/app`;
  const name = `${address}/${repository}`;
  await run('crane', ['auth', 'login', address, '-u', admin.username, '-p', admin.password], {
    env,
  });
  await run('crane', ['push', '--index', smallLayout, `${name}:1`], { env });
  const digest = await run('crane', ['digest', `${name}:1`], { env });
  writeFileSync(`${cwd}/predicate.json`, '{"built": "here"}');
  const runCosign = (...args: string[]) => run(cosign, args, { env, cwd });
  await runCosign('generate-key-pair');
  return {
    cosign: runCosign,
    refused: (...args: string[]) => refused(cosign, args, { env, cwd }),
    signing: ['--key', 'cosign.key', HTTP, ...(OFFLINE[cosign] ?? [])],
    image: `${name}@${digest}`,
    name,
    repository,
    digest,
  };
}

for (const version of ['cosign2', 'cosign3']) {
  const options = needs(version, 'crane', 'images');

  test(`${version} signs an image and verifies the signature`, options, async () => {
    const { cosign, refused, signing, image } = await begin(version);
    await refused('verify', ...VERIFY, image);

    await cosign('sign', ...signing, image);

    assert.match(await cosign('verify', ...VERIFY, image), /docker-manifest-digest/);
  });

  test(`${version} signs an index and all its images`, options, async () => {
    const { cosign, signing, image, name } = await begin(version);

    await cosign('sign', '--recursive', ...signing, image);

    const part = digestOf(smallLayout, 'arm64');
    assert.match(await cosign('verify', ...VERIFY, `${name}@${part}`), /docker-manifest-digest/);
  });

  test(`${version} attests what an image is and verifies it`, options, async () => {
    const { cosign, signing, image } = await begin(version);

    await cosign('attest', ...signing, '--predicate', 'predicate.json', '--type', 'custom', image);

    const verify = ['verify-attestation', ...VERIFY, '--type', 'custom', image];
    assert.match(await cosign(...verify), /payload/);
  });

  test(
    `${version} attaches a document, and shows all that belongs to an image`,
    options,
    async () => {
      const { cosign, signing, image } = await begin(version);
      await cosign('sign', ...signing, image);

      const sbom = ['--sbom', 'predicate.json', '--type', 'cyclonedx'];
      await cosign('attach', 'sbom', HTTP, ...sbom, image);

      const tree = await cosign('tree', HTTP, image);
      assert.match(tree, /Signatures|cosign\/sign/);
      assert.match(tree, /SBOMs/);
    },
  );
}

test(
  'cosign 3 keeps signature and attestation as referrers',
  needs('cosign3', 'crane', 'images'),
  async () => {
    const { cosign, signing, image, repository, digest } = await begin('cosign3');

    await cosign('sign', ...signing, image);
    await cosign('attest', ...signing, '--predicate', 'predicate.json', '--type', 'custom', image);

    const listed = await listReferrers(await server(), repository, digest);
    const bundle = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    assert.deepEqual(
      listed.map(({ artifactType }) => artifactType),
      [bundle, bundle],
    );
  },
);

test(
  'cosign 2 keeps a signature as a referrer when asked',
  needs('cosign2', 'crane', 'images'),
  async () => {
    const { cosign, signing, image, repository, digest } = await begin('cosign2');

    await cosign('sign', '--registry-referrers-mode=oci-1-1', ...signing, image);

    const listed = await listReferrers(await server(), repository, digest);
    assert.equal(listed.length, 1);
    const verify = ['--experimental-oci11', ...VERIFY, image];
    assert.match(await cosign('verify', ...verify), /docker-manifest-digest/);
  },
);
