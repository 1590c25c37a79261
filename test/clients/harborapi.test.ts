import assert from 'node:assert/strict';
import { test } from 'node:test';

import { smallLayout } from '../../scripts/clients/make-images.ts';
import { startHarborApi } from './support/calls.ts';
import { run } from './support/command.ts';
import { makeFolder } from './support/folder.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const harborApi = shared(async () => startHarborApi(await server()));
const folder = shared(makeFolder);
const options = needs('harborapi');

async function begin() {
  const { createProject } = await server();
  const { call, refused } = await harborApi();
  const name = await createProject();
  return { call, refused, name, project: { project_name_or_id: name } };
}

interface Named {
  name: string;
}
interface Row {
  id: number;
}
const namesOf = (rows: Named[]) => rows.map(({ name }) => name);

test('harborapi reads all that an administrator looks at first', options, async () => {
  const { call } = await begin();

  assert.equal(await call('ping'), 'Pong');
  assert.equal((await call<{ status: string }>('health_check')).status, 'healthy');
  assert.match((await call<{ harbor_version: string }>('get_system_info')).harbor_version, /^v2\./);
  assert.ok(
    (await call<{ total_project_count: number }>('get_statistics')).total_project_count > 1,
  );
  for (const read of ['get_system_volume_info', 'get_permissions', 'get_current_user']) {
    await call(read);
  }
});

test(
  'harborapi makes a project, changes it, its metadata and quota, and deletes it',
  options,
  async () => {
    const { call, refused, name } = await begin();
    const made = `${name}-made`;
    const project = { project_name_or_id: made };
    const storage_limit = 2 ** 30;

    await call('create_project', { project: { project_name: made, storage_limit } });
    assert.match(await refused('create_project', { project: { project_name: made } }), /409/);
    await call('update_project', { ...project, project: { metadata: { public: 'true' } } });
    await call('set_project_metadata', { ...project, metadata: { auto_scan: 'true' } });
    const entry = { ...project, metadata_name: 'auto_scan' };
    await call('update_project_metadata_entry', { ...entry, metadata: { auto_scan: 'false' } });
    const metadata = await call<{ public: string; auto_scan: string }>(
      'get_project_metadata',
      project,
    );
    await call('delete_project_metadata_entry', entry);
    const { project_id } = await call<{ project_id: number }>('get_project', project);
    const query = { reference: 'project', reference_id: String(project_id) };
    const [quota] = await call<(Row & { hard: object })[]>('get_quotas', query);
    await call('update_quota', { id: quota!.id, quota: { hard: { storage: 2 * storage_limit } } });
    const summary = await call<{ quota: { hard: object } }>('get_project_summary', project);
    await call('delete_project', project);

    assert.deepEqual([metadata.public, metadata.auto_scan], ['true', 'false']);
    assert.deepEqual(quota!.hard, { storage: storage_limit });
    assert.deepEqual(summary.quota.hard, { storage: 2 * storage_limit });
    assert.equal(await call<boolean>('project_exists', { project_name: made }), false);
  },
);

test('harborapi makes users and groups, and members of them', options, async () => {
  const { call, name, project } = await begin();
  const username = `${name}-ann`;
  const email = `${username}@example.com`;
  const password = 'Passw0rd-1';

  await call('create_user', { user: { username, email, realname: 'Ann', password, comment: '' } });
  const { user_id } = await call<{ user_id: number }>('get_user_by_username', { username });
  await call('update_user', {
    user_id,
    user: { email, realname: 'Ann Lee', comment: 'of the team' },
  });
  await call('set_user_admin', { user_id, is_admin: true });
  await call('set_user_admin', { user_id, is_admin: false });
  await call('set_user_password', { user_id, new_password: 'Passw0rd-2' });
  const group = { group_name: `${name}-group`, group_type: 3 };
  await call('create_usergroup', { usergroup: group });
  const [made] = await call<Row[]>('get_usergroups', { group_name: group.group_name });
  await call('add_project_member_user', { ...project, username_or_id: username, role_id: 2 });
  const member_group = { ...project, ldap_group_dn_or_id: made!.id, role_id: 3 };
  const location = await call<string>('add_project_member_group', member_group);
  const member = { ...project, member_id: Number(location.split('/').at(-1)) };
  await call('update_project_member_role', { ...member, role: 4 });
  const roles = await call<{ entity_name: string; role_id: number }[]>(
    'get_project_members',
    project,
  );
  await call('remove_project_member', member);
  await call('delete_usergroup', { group_id: made!.id });
  await call('delete_user', { user_id });

  const user = await call<unknown[]>('get_users', { query: `username=${username}` });
  assert.deepEqual(user, []);
  assert.deepEqual(
    roles.map(({ entity_name, role_id }) => [entity_name, role_id]).toSorted(),
    [
      ['admin', 1],
      [username, 2],
      [group.group_name, 4],
    ].toSorted(),
  );
});

test('harborapi makes a robot, changes it and its secret, and deletes it', options, async () => {
  const { call, refused, name } = await begin();
  const access = [{ resource: 'repository', action: 'pull' }];
  const permissions = [{ kind: 'project', namespace: name, access }];
  const robot = { name: 'ci', level: 'project', duration: 1, permissions };

  const { id } = await call<Row>('create_robot', { robot });
  const read = await call<object>('get_robot', { robot_id: id });
  await call('update_robot', {
    robot_id: id,
    robot: { ...read, description: 'changed', disable: true },
  });
  await call('refresh_robot_secret', { robot_id: id, secret: 'Chosen-by-1' });
  const changed = await call<Named & { description: string; disable: boolean }>('get_robot', {
    robot_id: id,
  });
  await call('delete_robot', { robot_id: id });

  assert.equal(changed.name, `robot$${name}+ci`);
  assert.deepEqual([changed.description, changed.disable], ['changed', true]);
  assert.match(await refused('get_robot', { robot_id: id }), /404/);
});

test('harborapi changes settings, labels and the CVE allowlist', options, async () => {
  const { call, name } = await begin();
  const label = { name, scope: 'g', color: '#0065AB' };

  await call('update_config', { config: { robot_token_duration: 31 } });
  const config = await call<{ robot_token_duration: { value: number } }>('get_config');
  await call('create_label', { label });
  const [made] = await call<Row[]>('get_labels', { scope: 'g', name });
  await call('update_label', {
    label_id: made!.id,
    label: { name: `${name}-2`, color: '#000000' },
  });
  const changed = await call<Named>('get_label', { label_id: made!.id });
  await call('delete_label', { label_id: made!.id });
  await call('update_cve_allowlist', { allowlist: { items: [{ cve_id: 'CVE-2024-1' }] } });
  const { items } = await call<{ items: object[] }>('get_cve_allowlist');

  assert.equal(config.robot_token_duration.value, 31);
  assert.equal(changed.name, `${name}-2`);
  assert.deepEqual(items, [{ cve_id: 'CVE-2024-1' }]);
});

test('harborapi follows the links from page to page', options, async () => {
  const { call, name, project } = await begin();
  const { project_id } = await call<{ project_id: number }>('get_project', project);
  const wanted = ['a', 'b', 'c', 'd', 'e'];
  for (const label of wanted) {
    await call('create_label', {
      label: { name: label, scope: 'p', project_id, color: '#000000' },
    });
  }
  const list = { scope: 'p', project_id, sort: 'name', page_size: 2 };

  assert.deepEqual(namesOf(await call('get_labels', list)), wanted);
  assert.deepEqual(namesOf(await call('get_labels', { ...list, limit: 3 })), wanted.slice(0, 3));
  assert.deepEqual(namesOf(await call('get_labels', { ...list, page: 3 })), ['e']);
  assert.match(name, /^team-/);
});

test(
  'harborapi tags, labels, copies and deletes artifacts, and finds them again',
  needs('harborapi', 'crane', 'images'),
  async () => {
    const { call, refused, name } = await begin();
    const { address, admin } = await server();
    const { env } = await folder();
    await run('crane', ['auth', 'login', address, '-u', admin.username, '-p', admin.password], {
      env,
    });
    await run('crane', ['push', '--index', smallLayout, `${address}/${name}/deep/app:v1`], { env });
    const repository = { project_name: name, repository_name: 'deep/app' };
    interface Artifact {
      digest: string;
      tags: Named[];
      labels: Named[] | null;
      references: { child_digest: string }[];
    }

    const [{ digest, references }] = await call<[Artifact]>('get_artifacts', repository);
    const artifact = { ...repository, reference: digest };
    const child = { ...repository, reference: references[0]!.child_digest };
    const history = await call<unknown[]>('get_artifact_build_history', child);
    await call('create_artifact_tag', { ...artifact, tag: { name: 'v2' } });
    await call('delete_artifact_tag', { ...artifact, tag_name: 'v1' });
    await call('create_label', { label: { name, scope: 'g', color: '#0065AB' } });
    const [label] = await call<Row[]>('get_labels', { scope: 'g', name });
    await call('add_artifact_label', { ...artifact, label: { id: label!.id } });
    const changed = await call<Artifact>('get_artifact', { ...artifact, with_label: true });
    const source = `${name}/deep/app@${digest}`;
    await call('copy_artifact', { project_name: name, repository_name: 'copy', source });
    const found = await call<{ repository: { repository_name: string }[] }>('search', {
      query: name,
    });
    await call('delete_artifact', {
      project_name: name,
      repository_name: 'copy',
      reference: digest,
    });
    await call('update_repository', { ...repository, repository: { description: 'of tests' } });
    const { description } = await call<{ description: string }>('get_repository', repository);
    await call('delete_repository', repository);

    assert.ok(history.length > 0);
    assert.deepEqual(namesOf(changed.tags), ['v2']);
    assert.deepEqual(namesOf(changed.labels!), [name]);
    assert.deepEqual(found.repository.map(({ repository_name }) => repository_name).toSorted(), [
      `${name}/copy`,
      `${name}/deep/app`,
    ]);
    assert.equal(description, 'of tests');
    assert.match(await refused('get_artifact', artifact), /404/);
  },
);

test('harborapi reads in the audit log what was done', options, async () => {
  const { call, name, project } = await begin();
  await call('delete_project', project);
  const query = `resource=${name},resource_type=project`;
  interface Entry {
    operation: string;
    username: string;
  }

  let log: Entry[] = [];
  while (log.length < 2) log = await call<Entry[]>('get_audit_logs', { query }); // comes a moment later

  assert.deepEqual(
    log.map(({ username, operation }) => `${username} ${operation}`),
    ['admin delete', 'admin create'],
  );
});
