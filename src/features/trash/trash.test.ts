import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import type { Client } from '../../../test/harness/client.ts';
import {
  beginUpload,
  codesOf,
  digestOf,
  imageManifest,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { dispatching } from '../../platform/events/index.ts';

const TRASH = '/api/v2.0/trash';
const PROJECTS = '/api/v2.0/projects';
const APP = 'library/app';

interface Listed {
  id: string;
  kind: string;
  name: string;
  deleted_by: string;
  deletion_time: string;
  purge_time: string;
  freed_bytes: number;
}

async function start(t: TestContext) {
  const app = await startApp(t);
  const admin = app.as('admin');
  const list = async (query = '', who: Client = admin): Promise<Listed[]> =>
    must(await who.get(`${TRASH}${query}`), 200).json();
  return {
    ...app,
    admin,
    list,
    /** The deletion of what was called so, deleted last. */
    async find(name: string): Promise<Listed> {
      const found = (await list(`?name=${encodeURIComponent(name)}`)).find(
        (deletion) => deletion.name === name,
      );
      assert.ok(found, `${name} is not in the trash`);
      return found;
    },
    restore: (id: string, body?: object, who: Client = admin) =>
      who.post(`${TRASH}/${id}/restore`, body),
    remove: async (path: string) => must(await admin.delete(`/v2/${APP}/manifests/${path}`), 202),
    removeRepository: async (name = 'app') =>
      must(await admin.delete(`${PROJECTS}/library/repositories/${name}`), 200),
    digestAt: async (reference: string, repository = APP) =>
      (await admin.head(`/v2/${repository}/manifests/${reference}`)).headers[
        'docker-content-digest'
      ],
    pull: async (content: string, repository = APP) =>
      (await admin.get(`/v2/${repository}/blobs/${digestOf(content)}`)).body,
  };
}

test('the trash shows what was deleted, by whom, until when, and what its removal would free', async (t) => {
  const { admin, list, remove, createProject, as, createUser } = await start(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  const { digest } = await pushImage(admin, APP, 'v1', { config: '{"a":1}', layers: ['four'] });
  await pushImage(admin, APP, 'v2', { config: '{"bb":2}', layers: ['four'] });
  await pushImage(as('ann'), 'team/tool', 'v1', { layers: ['only here'] });

  await remove('v1');
  await remove(digest);
  await as('ann').delete(`${PROJECTS}/team/repositories/tool`);
  await as('ann').delete(`${PROJECTS}/team`);
  const listed = await list();

  assert.deepEqual(
    listed.map(({ kind, name, deleted_by, freed_bytes }) => [kind, name, deleted_by, freed_bytes]),
    [
      ['project', 'team', 'ann', 11],
      ['repository', 'team/tool', 'ann', 11],
      ['artifact', `${APP}@${digest}`, 'admin', 7],
      ['tag', `${APP}:v1`, 'admin', 0],
    ],
  );
  for (const { deletion_time, purge_time } of listed) {
    assert.equal(Date.parse(purge_time) - Date.parse(deletion_time), 14 * 86_400_000);
  }
  const names = async (query: string) => (await list(query)).map(({ name }) => name);
  assert.deepEqual(await names('?kind=repository'), ['team/tool']);
  assert.deepEqual(await names('?name=app:'), [`${APP}:v1`]);
  assert.deepEqual(await names('?project_id=1&page_size=1&page=2'), [`${APP}:v1`]);
});

test('a deleted tag comes back, and its history tells of it', async (t) => {
  const { admin, remove, restore, find, digestAt, list, platform } = await start(t);
  const { digest } = await pushImage(admin, APP, 'v1');
  await remove('v1');

  const restored = await restore((await find(`${APP}:v1`)).id);

  assert.equal(restored.statusCode, 200);
  assert.equal(await digestAt('v1'), digest);
  assert.deepEqual(await list(), []);
  const { rows } = await sql<{ is_set: boolean; actor: string }>`
    select digest is not null as is_set, actor from tag_history order by id`.execute(platform.db);
  assert.deepEqual(
    rows.map((row) => [row.is_set, row.actor]),
    [true, false, true].map((isSet) => [isSet, 'admin']),
  );
});

test('an artifact comes back with its tags and its blobs', async (t) => {
  const { admin, remove, restore, find, digestAt, pull } = await start(t);
  const { digest } = await pushImage(admin, APP, 'v1', { layers: ['layer'] });
  await putManifest(admin, APP, 'latest', imageManifest({ layers: ['layer'] }));
  await remove(digest);
  must(await admin.delete(`/v2/${APP}/blobs/${digestOf('layer')}`), 202);

  must(await restore((await find(`${APP}@${digest}`)).id), 200);

  assert.deepEqual([await digestAt('v1'), await digestAt('latest')], [digest, digest]);
  assert.equal(await pull('layer'), 'layer');
});

test('an artifact that was pushed again gets its old tags back', async (t) => {
  const { admin, remove, restore, find, digestAt, list } = await start(t);
  const { digest, bytes } = await pushImage(admin, APP, 'v1', { layers: ['layer'] });
  await putManifest(admin, APP, 'early', bytes);
  await remove('early');
  await remove(digest);
  await putManifest(admin, APP, 'v2', bytes);

  must(await restore((await find(`${APP}@${digest}`)).id), 200);
  must(await restore((await find(`${APP}:early`)).id), 200);

  for (const tag of ['v1', 'v2', 'early']) assert.equal(await digestAt(tag), digest);
  assert.deepEqual(await list(), []);
});

test('a tag that others have now is restored under another name, or stays when its artifact comes back', async (t) => {
  const { admin, remove, restore, find, digestAt, list } = await start(t);
  const old = await pushImage(admin, APP, 'latest', { layers: ['old'] });
  await putManifest(admin, APP, 'v1', old.bytes);
  await remove(old.digest);
  const fresh = await pushImage(admin, APP, 'latest', { layers: ['new'] });
  const { id } = await find(`${APP}@${old.digest}`);

  const refused = await restore(id);
  const renamed = await restore(id, { new_name: 'v9' });
  must(await restore(id, { without_used_tags: true }), 200);
  const tag = await find(`${APP}:latest`);
  const used = await restore(tag.id);
  const unfit = await restore(tag.id, { new_name: 'not a tag' });
  must(await restore(tag.id, { new_name: 'latest-old' }), 200);

  assert.deepEqual([refused.statusCode, used.statusCode], [409, 409]);
  assert.deepEqual(refused.json().errors[0].detail, { tags_in_use: ['latest'] });
  assert.deepEqual(used.json().errors[0].detail, { name_in_use: 'latest' });
  assert.deepEqual([renamed.statusCode, unfit.statusCode], [400, 400]);
  assert.equal(await digestAt('latest'), fresh.digest);
  assert.deepEqual([await digestAt('v1'), await digestAt('latest-old')], [old.digest, old.digest]);
  assert.deepEqual(await list(), []);
});

test('what went before what it was in comes back after it', async (t) => {
  const { admin, remove, restore, find, removeRepository, digestAt } = await start(t);
  const { digest } = await pushImage(admin, APP, 'v1');
  await remove('v1');
  await remove(digest);
  await removeRepository();
  const tag = await find(`${APP}:v1`);
  const artifact = await find(`${APP}@${digest}`);
  const repository = await find(APP);
  const first = async (id: string) => {
    const reply = await restore(id);
    assert.equal(reply.statusCode, 409);
    return reply.json().errors[0].detail.restore_first;
  };

  const before = [await first(tag.id), await first(artifact.id)];
  must(await restore(repository.id), 200);
  const between = await first(tag.id);
  must(await restore(artifact.id), 200);
  const untagged = await digestAt('v1');
  must(await restore(tag.id), 200);

  assert.deepEqual([...before, between], [repository.id, repository.id, artifact.id]);
  assert.equal(untagged, undefined);
  assert.equal(await digestAt('v1'), digest);
});

test('a repository comes back with all that went with it, and with another name if its own is in use', async (t) => {
  const { admin, restore, find, remove, removeRepository, digestAt, pull } = await start(t);
  const kept = await pushImage(admin, APP, 'v1', { layers: ['kept'] });
  const deleted = await pushImage(admin, APP, 'v2', { layers: ['deleted'] });
  await remove(deleted.digest);
  await removeRepository();
  const fresh = await pushImage(admin, APP, 'v1', { layers: ['fresh'] });
  const { id } = await find(APP);

  const refused = await restore(id);
  const unfit = await restore(id, { new_name: '../other/app' });
  const unstorable = await restore(id, { new_name: 'app\0' });
  must(await restore(id, { new_name: 'app-old' }), 200);

  assert.equal(refused.statusCode, 409);
  assert.deepEqual(refused.json().errors[0].detail, { name_in_use: APP });
  assert.deepEqual(codesOf(unfit), ['NAME_INVALID']);
  assert.equal(unstorable.statusCode, 400, unstorable.body);
  assert.equal(await digestAt('v1'), fresh.digest);
  assert.equal(await digestAt('v1', 'library/app-old'), kept.digest);
  assert.equal(await pull('kept', 'library/app-old'), 'kept');
  assert.equal(await digestAt('v2', 'library/app-old'), undefined);
  await find(`library/app-old@${deleted.digest}`);
});

test('a repository in which only a push was begun does not stand in the way of one that is restored', async (t) => {
  const { admin, restore, find, removeRepository, digestAt } = await start(t);
  const { digest } = await pushImage(admin, APP, 'v1');
  await removeRepository();
  await beginUpload(admin, APP);
  await pushBlob(admin, APP, 'early');

  must(await restore((await find(APP)).id), 200);

  assert.equal(await digestAt('v1'), digest);
  await pushImage(admin, APP, 'v2', { layers: ['early'] });
});

test('a project goes with all that is in it when it is told to, and comes back whole', async (t) => {
  const { admin, restore, find, digestAt, list, createProject, createUser, as } = await start(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  const { digest } = await pushImage(admin, 'team/app', 'v1', { layers: ['layer'] });

  const refused = await as('ann').delete(`${PROJECTS}/team`);
  must(await as('ann').delete(`${PROJECTS}/team?with_repositories=true`), 200);
  const gone = await admin.get('/v2/team/app/manifests/v1');
  await createProject('team');
  const { id } = await find('team');
  const used = await restore(id, undefined, as('ann'));
  const long = await restore(id, { new_name: 'a'.repeat(255) }, as('ann'));
  must(await restore(id, { new_name: 'squad' }, as('ann')), 200);

  assert.deepEqual([refused.statusCode, used.statusCode], [412, 409]);
  assert.deepEqual([codesOf(gone), codesOf(long)], [['UNAUTHORIZED'], ['NAME_INVALID']]);
  assert.equal(await digestAt('v1', 'squad/app'), digest);
  assert.equal((await as('ann').get(`${PROJECTS}/squad`)).json().current_user_role_id, 1);
  assert.deepEqual(await list(), []);
});

test('project administrators have the trash of their projects, others none, and nobody learns of more', async (t) => {
  const { admin, as, list, restore, find, createProject, createUser } = await start(t);
  await createProject('team', true);
  await createUser('ann', { team: 1 });
  for (const role of [2, 3, 4, 5]) await createUser(`role${role}`, { team: role });
  await createUser('bob');
  await pushImage(admin, 'team/app', 'v1');
  await admin.delete('/v2/team/app/manifests/v1');
  const { id } = await find('team/app:v1');
  const nothing = '00000000-0000-4000-8000-000000000000';

  for (const name of ['bob', 'role2', 'role3', 'role4', 'role5']) {
    assert.deepEqual(await list('', as(name)), [], name);
    for (const [reply, missing] of [
      [await restore(id, {}, as(name)), await restore(nothing, {}, as(name))],
      [await as(name).delete(`${TRASH}/${id}`), await as(name).delete(`${TRASH}/${nothing}`)],
    ] as const) {
      assert.equal(reply.statusCode, 404, name);
      assert.equal(reply.body.replaceAll(id, nothing), missing.body);
    }
  }
  for (const reply of [
    await as('anonymous').get(TRASH),
    await restore(id, {}, as('anonymous')),
    await as('anonymous').delete(`${TRASH}/${id}`),
  ]) {
    assert.equal(reply.statusCode, 401);
  }
  assert.equal((await list('', as('ann'))).length, 1);
  must(await restore(id, {}, as('ann')), 200);
});

test('of two who restore or give up the same, one does and the other finds nothing', async (t) => {
  const { admin, restore, find, remove, digestAt } = await start(t);
  const { digest } = await pushImage(admin, APP, 'v1');

  for (let round = 0; round < 10; round++) {
    await remove(digest);
    const { id } = await find(`${APP}@${digest}`);
    const replies = await Promise.all([
      restore(id),
      restore(id),
      admin.delete(`${TRASH}/${id}`),
      restore(id),
    ]);

    const statuses = replies.map(({ statusCode }) => statusCode);
    assert.equal(statuses.filter((status) => status === 404).length, 3, String(statuses));
    if (statuses[2] === 202) await pushImage(admin, APP, 'v1');
    assert.equal(await digestAt('v1'), digest);
  }
});

test('what is restored while the same is pushed, tagged and deleted is one artifact', async (t) => {
  const { admin, restore, find, remove, digestAt } = await start(t);
  const { digest, bytes } = await pushImage(admin, APP, 'v1', { layers: ['layer'] });

  for (let round = 0; round < 20; round++) {
    await remove(digest);
    const { id } = await find(`${APP}@${digest}`);
    const [restored, ...pushed] = await Promise.all([
      restore(id),
      putManifest(admin, APP, 'v1', bytes),
      putManifest(admin, APP, 'v2', bytes),
      admin.delete(`/v2/${APP}/blobs/${digestOf('layer')}`),
      admin.delete(`/v2/${APP}/manifests/v2`),
    ]);

    for (const reply of [restored, ...pushed]) assert.ok(reply.statusCode < 500, reply.body);
    assert.equal(restored.statusCode, 200);
    assert.equal(await digestAt('v1'), digest);
    assert.equal((await admin.get(`/v2/${APP}/blobs/${digestOf('layer')}`)).statusCode, 200);
  }
});

test('the audit log tells who restored what and who gave it up', async (t) => {
  const { admin, restore, find, remove, removeRepository, platform } = await start(t);
  const { digest } = await pushImage(admin, APP, 'v1');
  await remove('v1');
  must(await restore((await find(`${APP}:v1`)).id, { new_name: 'v2' }), 200);
  await remove(digest);
  await removeRepository();
  must(await admin.delete(`${TRASH}/${(await find(APP)).id}`), 202);

  await dispatching.run(platform, new AbortController().signal);
  const log = (await admin.get('/api/v2.0/auditlog-exts')).json();

  assert.deepEqual(
    log.slice(0, 5).map((entry: { operation_description: string }) => entry.operation_description),
    [
      `delete repository: ${APP}`, // for good
      `delete repository: ${APP}`,
      `delete artifact: ${APP}@${digest}`,
      `create tag: ${APP}:v1`,
      `delete tag: ${APP}:v1`,
    ],
  );
});

test('hostile queries and bodies are refused', async (t) => {
  const { admin, restore } = await start(t);
  const id = '00000000-0000-4000-8000-000000000000';

  for (const query of ['?kind=blob', '?page_size=0', '?project_id=x', "?project_id=1'--"]) {
    assert.equal((await admin.get(`${TRASH}${query}`)).statusCode, 422, query);
  }
  assert.equal((await admin.get(`${TRASH}?name=%00`)).statusCode, 400);
  assert.equal((await admin.get(`${TRASH}?name=%25&project_id=99999999`)).statusCode, 200);
  for (const path of ['1', "' or 1=1", `${id}0`]) {
    assert.equal((await admin.delete(`${TRASH}/${encodeURIComponent(path)}`)).statusCode, 422);
  }
  assert.equal((await restore(id, { new_name: 1 })).statusCode, 400);
  assert.equal((await restore(id, { new_name: '' })).statusCode, 400);
});
