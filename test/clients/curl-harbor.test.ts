import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { run } from './support/command.ts';
import { makeFolder } from './support/folder.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const folder = shared(makeFolder);
const options = needs('curl');

interface Answer {
  status: number;
  headers: Record<string, string[]>;
  body: string;
}

async function begin() {
  const { url, admin, createProject } = await server();
  const { path } = await folder();
  const project = await createProject();
  /** `curl METHOD PATH …`, as the administrator unless the words say otherwise. */
  async function curl(method: string, target: string, ...words: string[]): Promise<Answer> {
    const write = ['-o', `${path}/body`, '-w', '{"status":%{http_code},"headers":%{header_json}}'];
    writeFileSync(`${path}/body`, '');
    const way = method === 'HEAD' ? ['--head'] : ['-X', method];
    const said = await run('curl', ['-sS', ...way, ...write, ...words, `${url}${target}`]);
    return { ...JSON.parse(said), body: await run('curl', ['-sS', `file://${path}/body`]) };
  }
  const user = ['--user', `${admin.username}:${admin.password}`];
  const json = (body: object) => [
    '-H',
    'content-type: application/json',
    '-d',
    JSON.stringify(body),
  ];
  return {
    curl,
    api: (method: string, target: string, body?: object) =>
      curl(method, `/api/v2.0${target}`, ...user, ...(body === undefined ? [] : json(body))),
    registry: (method: string, target: string, ...words: string[]) =>
      curl(method, `/v2/${target}`, ...user, ...words),
    json,
    path,
    project,
    admin,
    url,
  };
}

/** Pushes an image without layers; gives its digest. */
async function push(
  { registry, path }: Pick<Awaited<ReturnType<typeof begin>>, 'registry' | 'path'>,
  repository: string,
): Promise<string> {
  const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const config = JSON.stringify({ architecture: 'amd64', os: randomBytes(4).toString('hex') });
  writeFileSync(`${path}/config`, config);
  const upload = `${repository}/blobs/uploads/?digest=${digestOf(config)}`;
  const bytes = ['-H', 'content-type: application/octet-stream', '--data-binary'];
  assert.equal((await registry('POST', upload, ...bytes, `@${path}/config`)).status, 201);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
    layers: [],
  });
  writeFileSync(`${path}/manifest`, manifest);
  const words = ['-H', `content-type: ${mediaType}`, '--data-binary', `@${path}/manifest`];
  assert.equal((await registry('PUT', `${repository}/manifests/v1`, ...words)).status, 201);
  return digestOf(manifest);
}

test('curl walks through a list by its links, and is told how long it is', options, async () => {
  const { api, curl, admin, project } = await begin();
  const { project_id } = JSON.parse((await api('GET', `/projects/${project}`)).body);
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await api('POST', '/labels', { name, scope: 'p', project_id, color: '#000000' });
  }
  const user = ['--user', `${admin.username}:${admin.password}`];
  const seen: string[] = [];
  let next: string | undefined = `/api/v2.0/labels?scope=p&project_id=${project_id}&page_size=2`;

  while (next !== undefined) {
    const page: Answer = await curl('GET', next, ...user);
    assert.equal(page.headers['x-total-count']?.[0], '5');
    seen.push(...JSON.parse(page.body).map(({ name }: { name: string }) => name));
    next = /<([^>]+)>; rel="next"/.exec(page.headers.link?.[0] ?? '')?.[1];
  }

  assert.deepEqual(seen, ['a', 'b', 'c', 'd', 'e']);
});

test('curl makes a project, looks for it, and is told what it did wrong', options, async () => {
  const { api, project } = await begin();
  const name = `${project}-made`;

  const made = await api('POST', '/projects', { project_name: name, public: false });
  const again = await api('POST', '/projects', { project_name: name });
  const odd = await api('POST', '/projects', { project_name: 'No' });
  const there = await api('HEAD', `/projects?project_name=${name}`);
  const deleted = await api('DELETE', made.headers.location![0]!.replace('/api/v2.0', ''));
  const gone = await api('HEAD', `/projects?project_name=${name}`);

  assert.deepEqual(
    [made, again, odd, there, deleted, gone].map(({ status }) => status),
    [201, 409, 400, 200, 200, 404],
  );
  assert.equal(made.body, '');
  assert.equal(JSON.parse(again.body).errors[0].code, 'CONFLICT');
});

test('curl reaches a repository whose name is encoded once or twice', options, async () => {
  const here = await begin();
  const { api, project } = here;
  const digest = await push(here, `${project}/deep/down/app`);
  const repositories = `/projects/${project}/repositories`;

  for (const name of ['deep%2Fdown%2Fapp', 'deep%252Fdown%252Fapp']) {
    const { body } = await api('GET', `${repositories}/${name}/artifacts?with_label=true`);
    assert.deepEqual(
      JSON.parse(body).map((artifact: { digest: string }) => artifact.digest),
      [digest],
    );
  }
  const artifact = `${repositories}/deep%252Fdown%252Fapp/artifacts/${digest}`;
  const tagged = await api('POST', `${artifact}/tags`, { name: 'v2' });
  const untagged = await api('DELETE', `${artifact}/tags/v1`);
  const from = encodeURIComponent(`${project}/deep/down/app:v2`);
  const copied = await api('POST', `${repositories}/copy/artifacts?from=${from}`);
  const { body: tags } = await api('GET', `${artifact}/tags`);
  const deleted = await api('DELETE', artifact);

  assert.deepEqual(
    [tagged, untagged, copied, deleted].map(({ status }) => status),
    [201, 200, 201, 200],
  );
  assert.deepEqual(
    JSON.parse(tags).map(({ name }: { name: string }) => name),
    ['v2'],
  );
  assert.equal((await api('GET', `${repositories}/copy/artifacts/v2`)).status, 200);
});

test(
  'curl works in a session, with its cookies and the token against forgery',
  options,
  async () => {
    const { curl, json, path, admin, project } = await begin();
    const jar = ['-b', `${path}/cookies`, '-c', `${path}/cookies`];
    const tokenOf = ({ headers }: Answer) => [
      '-H',
      `x-harbor-csrf-token: ${headers['x-harbor-csrf-token']?.[0]}`,
    ];
    const login = [
      '--data-urlencode',
      `principal=${admin.username}`,
      '--data-urlencode',
      `password=${admin.password}`,
    ];
    const projects = '/api/v2.0/projects';

    const first = await curl('GET', '/c/login', ...jar);
    const signedIn = await curl('POST', '/c/login', ...jar, ...tokenOf(first), ...login);
    const me = await curl('GET', '/api/v2.0/users/current', ...jar);
    const body = json({ project_name: `${project}-in-session` });
    const forged = await curl('POST', projects, ...jar, ...body);
    const made = await curl('POST', projects, ...jar, ...tokenOf(me), ...body);
    await curl('GET', '/c/log_out', ...jar);
    const after = await curl('GET', '/api/v2.0/users/current', ...jar);

    assert.deepEqual(
      [signedIn, me, forged, made, after].map(({ status }) => status),
      [200, 200, 403, 201, 401],
    );
    assert.equal(JSON.parse(me.body).username, 'admin');
  },
);
