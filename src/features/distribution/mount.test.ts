import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp, type TestApp } from '../../../test/harness.ts';
import { codesOf, digestOf, pushBlob } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { bearer, fetchToken } from '../../../test/harness/tokens.ts';

const shared = shareApp();
let made: Promise<void> | undefined;

/** ann: developer in `mine`, guest in `theirs`; nothing in `secret`; `open` is public. A layer in each. */
async function begin(): Promise<TestApp> {
  const app = await shared();
  made ??= (async () => {
    for (const name of ['mine', 'theirs', 'secret']) await app.createProject(name);
    await app.createProject('open', true);
    await app.createUser('ann', { mine: 2, theirs: 3 });
    for (const name of ['mine', 'theirs', 'secret', 'open']) {
      await pushBlob(app.as('admin'), `${name}/source`, `layer of ${name}`);
    }
  })();
  await made;
  return app;
}

const mountUrl = (target: string, digest: string, from?: string) =>
  `/v2/${target}/blobs/uploads/?mount=${digest}${from === undefined ? '' : `&from=${from}`}`;

for (const project of ['mine', 'theirs', 'open']) {
  for (const isNamed of [true, false]) {
    const how = isNamed ? 'by name' : 'wherever it is';
    test(`a blob of the project "${project}", which one may read, is mounted ${how}`, async () => {
      const { as } = await begin();
      const digest = digestOf(`layer of ${project}`);
      const target = `mine/${project}-${isNamed}`;

      const mounted = await as('ann').post(
        mountUrl(target, digest, isNamed ? `${project}/source` : undefined),
      );
      const pulled = await as('ann').get(`/v2/${target}/blobs/${digest}`);

      assert.equal(mounted.statusCode, 201);
      assert.equal(mounted.headers.location, `/v2/${target}/blobs/${digest}`);
      assert.equal(mounted.headers['docker-content-digest'], digest);
      assert.equal(pulled.body, `layer of ${project}`);
    });
  }
}

test('a blob that one may not read is as if it were nowhere', async () => {
  const { as } = await begin();
  const [secret, nowhere] = [digestOf('layer of secret'), digestOf('in no registry')];
  const mount = async (digest: string, from?: string) => {
    const reply = await as('ann').post(mountUrl('mine/spy', digest, from));
    assert.equal((await as('ann').get(`/v2/mine/spy/blobs/${digest}`)).statusCode, 404);
    const { 'x-request-id': _id, date: _date, ...headers } = reply.headers;
    const text = JSON.stringify([reply.statusCode, headers, reply.body]);
    return text.replaceAll(/[0-9a-f-]{36}/g, '<uuid>');
  };

  const answers = [
    await mount(secret),
    await mount(nowhere),
    await mount(secret, 'secret/source'),
    await mount(nowhere, 'secret/source'),
    await mount(secret, 'secret/other'),
    await mount(nowhere, 'never/made'),
    await mount(nowhere, 'open/source'),
  ];

  assert.equal(new Set(answers).size, 1, answers.join('\n'));
  assert.match(answers[0]!, /^\[202,.*"location":"\/v2\/mine\/spy\/blobs\/uploads\/<uuid>"/);
});

test('an upload that a mount became can be gone on with', async () => {
  const { as } = await begin();
  const digest = digestOf('a layer of her own');

  const begun = await as('ann').post(mountUrl('mine/own', digest, 'secret/source'));
  const finished = await as('ann').put(
    `${begun.headers.location}?digest=${digest}`,
    Buffer.from('a layer of her own'),
  );

  assert.deepEqual([begun.statusCode, finished.statusCode], [202, 201]);
});

test('mounting into a repository without the right to push is 401', async () => {
  const { as } = await begin();

  const refused = await as('ann').post(
    mountUrl('theirs/new', digestOf('layer of mine'), 'mine/source'),
  );

  assert.equal(refused.statusCode, 401);
});

test('a token without the right to the source is sent for it, and then mounts', async () => {
  const app = await begin();
  const nobody = app.as('anonymous');
  const digest = digestOf('layer of theirs');
  const url = mountUrl('mine/token', digest, 'theirs/source');
  const push = 'repository:mine/token:pull,push';
  const narrow = await fetchToken(app, 'ann', push);
  const wide = await fetchToken(app, 'ann', push, 'repository:theirs/source:pull');

  const refused = await nobody.post(url, undefined, bearer(narrow));
  const mounted = await nobody.post(url, undefined, bearer(wide));

  assert.deepEqual([refused.statusCode, codesOf(refused)], [401, ['UNAUTHORIZED']]);
  const challenge = refused.headers['www-authenticate'] as string;
  assert.match(
    challenge,
    /scope="repository:mine\/token:pull,push repository:theirs\/source:pull"/,
  );
  assert.match(challenge, /error="insufficient_scope"/);
  assert.equal(mounted.statusCode, 201);
});

test('a token does not tell whether a blob exists that its owner may not read', async () => {
  const app = await begin();
  const token = await fetchToken(app, 'ann', 'repository:mine/token:pull,push');
  const mount = async (digest: string, from?: string) =>
    (await app.as('anonymous').post(mountUrl('mine/token', digest, from), undefined, bearer(token)))
      .statusCode;

  for (const content of ['layer of secret', 'in no registry']) {
    assert.equal(await mount(digestOf(content)), 202);
    assert.equal(await mount(digestOf(content), 'secret/source'), 202);
  }
});

test('what was deleted from its repository is not mounted from there', async () => {
  const { as } = await begin();
  const digest = await pushBlob(as('ann'), 'mine/former', 'a deleted layer');
  await as('admin').delete(`/v2/mine/former/blobs/${digest}`);
  await pushBlob(as('admin'), 'mine/gone', 'a layer of a deleted repository');
  await as('admin').delete('/api/v2.0/projects/mine/repositories/gone');

  for (const [content, from] of [
    ['a deleted layer', 'mine/former'],
    ['a deleted layer', undefined],
    ['a layer of a deleted repository', 'mine/gone'],
    ['a layer of a deleted repository', undefined],
  ] as const) {
    const reply = await as('ann').post(mountUrl('mine/late', digestOf(content), from));
    assert.equal(reply.statusCode, 202, `${content} from ${from}`);
  }
});

test('a malformed digest or name to mount from is 400', async () => {
  const { as } = await begin();
  const digest = digestOf('layer of mine');

  const badDigest = await as('ann').post(mountUrl('mine/new', 'sha256:12', 'mine/source'));
  const badName = await as('ann').post(mountUrl('mine/new', digest, '../secret/source'));

  assert.deepEqual([badDigest.statusCode, codesOf(badDigest)], [400, ['DIGEST_INVALID']]);
  assert.deepEqual([badName.statusCode, codesOf(badName)], [400, ['NAME_INVALID']]);
});

test('a mount that meets the deletion of its source either works or begins an upload', async (t) => {
  const { as } = await startApp(t);
  const admin = as('admin');
  const digest = digestOf('a contested layer');

  for (let times = 0; times < 50; times++) {
    await pushBlob(admin, 'library/from', 'a contested layer');
    const [mounted] = await Promise.all([
      admin.post(mountUrl(`library/to${times}`, digest, 'library/from')),
      admin.delete(`/v2/library/from/blobs/${digest}`),
    ]);
    const pulled = await admin.get(`/v2/library/to${times}/blobs/${digest}`);

    assert.ok([201, 202].includes(mounted.statusCode), String(mounted.statusCode));
    assert.equal(pulled.statusCode, mounted.statusCode === 201 ? 200 : 404);
  }
});
