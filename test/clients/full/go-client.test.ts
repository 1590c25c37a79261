import assert from 'node:assert/strict';
import { test } from 'node:test';

import { smallLayout } from '../../../scripts/clients/make-images.ts';
import { startGoClient } from '../support/calls.ts';
import { run } from '../support/command.ts';
import { makeFolder } from '../support/folder.ts';
import { needs } from '../support/needs.ts';
import { startServer } from '../support/server.ts';
import { shared } from '../support/shared.ts';

const server = shared(startServer);
const library = shared(async () => startGoClient(await server()));
const folder = shared(makeFolder);
const options = needs('harbor-go-client');

interface Payload<T> {
  Payload: T;
}
interface List<T> extends Payload<T[]> {
  XTotalCount: number;
  Link: string;
}
interface Row {
  id: number;
  name: string;
}

async function begin() {
  const { createProject } = await server();
  const { call, refused } = await library();
  const ProjectName = await createProject();
  const made = async (name: string, values: object) =>
    Number((await call<{ Location: string }>(name, values)).Location.split('/').at(-1));
  return { call, refused, made, ProjectName, inProject: { ProjectNameOrID: ProjectName } };
}

test(
  'the Go client makes a project, changes it, its metadata and quota, and deletes it',
  options,
  async () => {
    const { call, refused, made, ProjectName } = await begin();
    const project_name = `${ProjectName}-made`;
    const storage_limit = 2 ** 30;
    const project = { ProjectNameOrID: project_name };

    const id = await made('Project.CreateProject', { Project: { project_name, storage_limit } });
    const again = await refused('Project.CreateProject', { Project: { project_name } });
    await call('Project.UpdateProject', { ...project, Project: { metadata: { public: 'true' } } });
    const Metadata = { auto_scan: 'true' };
    await call('ProjectMetadata.AddProjectMetadatas', { ...project, Metadata });
    const metadata = await call<Payload<object>>('ProjectMetadata.ListProjectMetadatas', project);
    const ReferenceID = String(id);
    const { Payload: quotas } = await call<List<Row & { hard: object }>>('Quota.ListQuotas', {
      ReferenceID,
    });
    const Hard = { hard: { storage: 2 * storage_limit } };
    await call('Quota.UpdateQuota', { ID: quotas[0]!.id, Hard });
    const summary = await call<Payload<{ quota: { hard: object } }>>(
      'Project.GetProjectSummary',
      project,
    );
    await call('Project.DeleteProject', project);

    assert.match(again, /createProjectConflict/);
    assert.deepEqual(metadata.Payload, { auto_scan: 'true', public: 'true' });
    assert.deepEqual(
      quotas.map(({ hard }) => hard),
      [{ storage: storage_limit }],
    );
    assert.deepEqual(summary.Payload.quota.hard, Hard.hard);
    assert.match(
      await refused('Project.HeadProject', { ProjectName: project_name }),
      /headProjectNotFound/,
    );
  },
);

test('the Go client makes users and groups, and members of them', options, async () => {
  const { call, made, ProjectName, inProject } = await begin();
  const username = `${ProjectName}-ann`;
  const email = `${username}@example.com`;
  const user = { username, email, realname: 'Ann', password: 'Passw0rd-1' };
  const group = { group_name: `${ProjectName}-group`, group_type: 3 };

  const UserID = await made('User.CreateUser', { UserReq: user });
  await call('User.UpdateUserProfile', { UserID, Profile: { email, realname: 'Ann Lee' } });
  await call('User.SetUserSysAdmin', { UserID, SysadminFlag: { sysadmin_flag: true } });
  await call('User.SetUserSysAdmin', { UserID, SysadminFlag: {} });
  await call('User.UpdateUserPassword', { UserID, Password: { new_password: 'Passw0rd-2' } });
  const GroupID = await made('Usergroup.CreateUserGroup', { Usergroup: group });
  const add = (member: object) =>
    made('Member.CreateProjectMember', { ...inProject, ProjectMember: member });
  await add({ role_id: 2, member_user: { username } });
  const Mid = await add({ role_id: 3, member_group: { id: GroupID } });
  await call('Member.UpdateProjectMember', { ...inProject, Mid, Role: { role_id: 4 } });
  const members = await call<List<{ entity_name: string; role_id: number }>>(
    'Member.ListProjectMembers',
    { ...inProject, PageSize: 100 },
  );
  await call('Member.DeleteProjectMember', { ...inProject, Mid });
  await call('Usergroup.DeleteUserGroup', { GroupID });
  await call('User.DeleteUser', { UserID });

  const left = await call<List<Row>>('User.ListUsers', { Q: `username=${username}` });
  assert.equal(left.XTotalCount, 0);
  assert.deepEqual(
    members.Payload.map(({ entity_name, role_id }) => [entity_name, role_id]).toSorted(),
    [
      ['admin', 1],
      [username, 2],
      [group.group_name, 4],
    ].toSorted(),
  );
});

for (const level of ['project', 'system']) {
  test(
    `the Go client makes a robot (${level}), changes it and its secret, and deletes it`,
    options,
    async () => {
      const { call, refused, ProjectName } = await begin();
      const access = [{ resource: 'repository', action: 'pull' }];
      const permissions = [{ kind: 'project', namespace: ProjectName, access }];
      const Robot = { name: `ci-${ProjectName}`, level, duration: 1, permissions };
      interface Read extends Row {
        description: string;
        disable: boolean;
      }

      const { Payload: made } = await call<Payload<Row & { secret: string }>>('Robot.CreateRobot', {
        Robot,
      });
      const robot = { RobotID: made.id };
      const { Payload: read } = await call<Payload<object>>('Robot.GetRobotByID', robot);
      const change = { ...read, description: 'changed', disable: true };
      await call('Robot.UpdateRobot', { ...robot, Robot: change });
      const { Payload: fresh } = await call<Payload<{ secret: string }>>('Robot.RefreshSec', {
        ...robot,
        RobotSec: {},
      });
      const { Payload: changed } = await call<Payload<Read>>('Robot.GetRobotByID', robot);
      await call('Robot.DeleteRobot', robot);

      assert.notEqual(fresh.secret, made.secret);
      assert.equal(
        changed.name,
        `robot$${level === 'project' ? `${ProjectName}+` : ''}${Robot.name}`,
      );
      assert.deepEqual([changed.description, changed.disable], ['changed', true]);
      assert.match(await refused('Robot.GetRobotByID', robot), /getRobotByIdNotFound/i);
    },
  );
}

test(
  'the Go client changes settings, labels and the CVE allowlist, and reads what there is',
  options,
  async () => {
    const { call, made, ProjectName: name } = await begin();

    await call('Configure.UpdateConfigurations', { Configurations: { robot_token_duration: 31 } });
    const config = await call<Payload<{ robot_token_duration: { value: number } }>>(
      'Configure.GetConfigurations',
    );
    const LabelID = await made('Label.CreateLabel', { Label: { name, scope: 'g' } });
    await call('Label.UpdateLabel', { LabelID, Label: { name: `${name}-2`, color: '#000000' } });
    const list = { Scope: 'g', ProjectID: 0, Name: name, Page: 0, PageSize: 0 };
    const labels = await call<List<Row>>('Label.ListLabels', list);
    await call('Label.DeleteLabel', { LabelID });
    const items = [{ cve_id: 'CVE-2024-1' }];
    await call('SystemCVEAllowlist.PutSystemCVEAllowlist', { Allowlist: { items } });
    const allowlist = await call<Payload<{ items: object[] }>>(
      'SystemCVEAllowlist.GetSystemCVEAllowlist',
    );
    const { Payload: figures } =
      await call<Payload<{ total_project_count: number }>>('Statistic.GetStatistic');
    for (const read of [
      'Health.GetHealth',
      'Ping.GetPing',
      'Systeminfo.GetSystemInfo',
      'Permissions.GetPermissions',
    ]) {
      await call(read);
    }

    assert.equal(config.Payload.robot_token_duration.value, 31);
    assert.deepEqual(
      labels.Payload.map((label) => label.name),
      [`${name}-2`],
    );
    assert.deepEqual(allowlist.Payload.items, items);
    assert.ok(figures.total_project_count > 1);
  },
);

test('the Go client goes from page to page', options, async () => {
  const { call, inProject } = await begin();
  const { Payload: project } = await call<Payload<{ project_id: number }>>(
    'Project.GetProject',
    inProject,
  );
  for (const name of ['a', 'b', 'c']) {
    await call('Label.CreateLabel', {
      Label: { name, scope: 'p', project_id: project.project_id },
    });
  }
  const list = { Scope: 'p', ProjectID: project.project_id, Sort: 'name', PageSize: 2 };

  const first = await call<List<Row>>('Label.ListLabels', list);
  const second = await call<List<Row>>('Label.ListLabels', { ...list, Page: 2 });

  assert.deepEqual(
    [first, second].map(({ Payload: rows }) => rows.map(({ name }) => name)),
    [['a', 'b'], ['c']],
  );
  assert.deepEqual(
    [first, second].map(({ XTotalCount }) => XTotalCount),
    [3, 3],
  );
  assert.match(first.Link, /page=2.*rel="next"/);
  assert.match(second.Link, /page=1.*rel="prev"/);
});

test(
  'the Go client tags, labels, copies and deletes artifacts',
  needs('harbor-go-client', 'crane', 'images'),
  async () => {
    const { call, refused, made, ProjectName } = await begin();
    const { address, admin } = await server();
    const { env } = await folder();
    await run('crane', ['auth', 'login', address, '-u', admin.username, '-p', admin.password], {
      env,
    });
    await run('crane', ['push', '--index', smallLayout, `${address}/${ProjectName}/deep/app:v1`], {
      env,
    });
    const repository = { ProjectName, RepositoryName: 'deep/app' };
    interface Artifact {
      digest: string;
      tags: Row[];
      labels: Row[];
    }

    const { Payload: listed } = await call<List<Artifact>>('Artifact.ListArtifacts', repository);
    const { digest } = listed[0]!;
    const artifact = { ...repository, Reference: digest };
    await call('Artifact.CreateTag', { ...artifact, Tag: { name: 'v2' } });
    await call('Artifact.DeleteTag', { ...artifact, TagName: 'v1' });
    const id = await made('Label.CreateLabel', { Label: { name: ProjectName, scope: 'g' } });
    await call('Artifact.AddLabel', { ...artifact, Label: { id } });
    const { Payload: changed } = await call<Payload<Artifact>>('Artifact.GetArtifact', {
      ...artifact,
      WithLabel: true,
    });
    await call('Artifact.RemoveLabel', { ...artifact, LabelID: id });
    const copy = { ProjectName, RepositoryName: 'copy' };
    await call('Artifact.CopyArtifact', { ...copy, From: `${ProjectName}/deep/app@${digest}` });
    const { Payload: found } = await call<Payload<{ repository: object[] }>>('Search.Search', {
      Q: ProjectName,
    });
    await call('Artifact.DeleteArtifact', { ...copy, Reference: digest });
    await call('Repository.UpdateRepository', {
      ...repository,
      Repository: { description: 'of tests' },
    });
    const { Payload: rows } = await call<List<Row & { description: string }>>(
      'Repository.ListRepositories',
      { ProjectName, Q: 'name=~deep' },
    );
    await call('Repository.DeleteRepository', repository);

    assert.deepEqual(
      changed.tags.map(({ name }) => name),
      ['v2'],
    );
    assert.deepEqual(
      changed.labels.map(({ name }) => name),
      [ProjectName],
    );
    assert.equal(found.repository.length, 2);
    assert.deepEqual(
      rows.map(({ description }) => description),
      ['of tests'],
    );
    assert.match(await refused('Artifact.GetArtifact', artifact), /getArtifactNotFound/);
  },
);

test('the Go client reads in the audit log what was done', options, async () => {
  const { call, ProjectName } = await begin();
  const Q = `resource=${ProjectName},resource_type=project`;

  let log: { username: string; operation: string }[] = [];
  while (log.length === 0) {
    const read = await call<List<(typeof log)[0]>>('Auditlog.ListAuditLogs', { Q });
    log = read.Payload; // comes a moment later
  }
  const { Payload: own } = await call<List<object>>('Project.GetLogs', { ProjectName });

  assert.deepEqual(
    log.map(({ username, operation }) => `${username} ${operation}`),
    ['admin create'],
  );
  assert.equal(own.length, 1);
});
