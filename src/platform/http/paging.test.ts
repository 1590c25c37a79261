import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';

const PROJECTS = '/api/v2.0/projects';
const link = (query: string, rel: string) => `<${PROJECTS}?${query}>; rel="${rel}"`;
const next = (query: string) => link(query, 'next');
const previous = (query: string) => link(query, 'prev');

/** Of five projects. */
const ROWS: [query: string, entries: number, link: string][] = [
  ['', 5, ''],
  ['?page=1&page_size=5', 5, ''],
  ['?page_size=2', 2, next('page_size=2&page=2')],
  ['?page=0&page_size=2', 2, next('page=2&page_size=2')],
  ['?page=0&page_size=0', 5, ''],
  ['?page=2&page_size=2', 2, `${previous('page=1&page_size=2')} , ${next('page=3&page_size=2')}`],
  ['?page=3&page_size=2', 1, previous('page=2&page_size=2')],
  ['?page=4&page_size=2', 0, previous('page=3&page_size=2')],
  ['?page=5&page_size=2', 0, ''],
  ['?page=1000000000&page_size=100', 0, ''],
  ['?page_size=0', 5, ''],
  ['?page=3&page_size=0', 5, ''],
  ['?page=1&page_size=1&name=%3E%0D%0A', 0, ''],
  ['?name=p%26q&page_size=1', 0, ''],
  // Kept escaped, where Harbor unescapes: it can be asked as it stands.
  ['?also=%3E%0D%0A%26&page_size=4', 4, next('also=%3E%0D%0A%26&page_size=4&page=2')],
];

test('a page has its entries, the number of all, and links to its neighbours', async (t) => {
  const { as, createProject } = await startApp(t);
  for (const name of ['pa', 'pb', 'pc', 'pd']) await createProject(name);

  for (const [query, entries, wanted] of ROWS) {
    const reply = await as('admin').get(`${PROJECTS}${query}`);

    assert.equal(reply.json().length, entries, query);
    assert.equal(reply.headers.link, wanted, query);
    assert.equal(reply.headers['x-total-count'], query.includes('name=') ? '0' : '5', query);
  }
});

test('a list that is asked for as a whole ends after a thousand entries, with a link to the rest', async (t) => {
  const { as, platform } = await startApp(t);
  await sql`insert into project (name, owner_id) select 'p' || n, 1 from generate_series(1, 1150) n`.execute(
    platform.db,
  );

  const all = await as('admin').get(`${PROJECTS}?page_size=0`);
  const rest = await as('admin').get(/<([^>]+)>; rel="next"/.exec(String(all.headers.link))![1]!);

  assert.equal(all.json().length, 1000);
  assert.equal(all.headers['x-total-count'], '1151');
  const names = [...all.json(), ...rest.json()].map(({ name }: { name: string }) => name);
  assert.equal(new Set(names).size, 1100);
});

test('the links lead through all pages and back', async (t) => {
  const { as, createProject } = await startApp(t);
  for (const name of ['pa', 'pb', 'pc', 'pd']) await createProject(name);
  const seen: string[] = [];
  let url: string | undefined = `${PROJECTS}?page_size=2`;

  while (url !== undefined) {
    const reply = await as('admin').get(url);
    seen.push(...reply.json().map(({ name }: { name: string }) => name));
    url = /<([^>]+)>; rel="next"/.exec(String(reply.headers.link))?.[1];
  }

  assert.deepEqual(seen, ['library', 'pa', 'pb', 'pc', 'pd']);
});

test('a link stays on this host, however many slashes the path had', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');

  const reply = await as('admin').get('//api/v2.0/projects?page_size=1');

  assert.equal(reply.headers.link, next('page_size=1&page=2'));
});
