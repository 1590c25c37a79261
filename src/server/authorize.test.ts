import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RouteOptions } from 'fastify';

import { requireDeclaredAccess } from './authorize.ts';

type Config = NonNullable<RouteOptions['config']>;

const project = 'project_name';
const repository = () => 'team/app';
const declare = (config: Config | undefined) => () =>
  requireDeclaredAccess({
    method: 'GET',
    url: '/x/:project_name',
    ...(config && { config }),
  } as RouteOptions);

const FIT: Config[] = [
  { open: true },
  { access: 'signed-in' },
  { access: 'user:create' },
  { access: 'member:list', project },
  { access: 'repository:push', repository },
  { access: 'registry' },
  { access: 'catalog' },
];

test('a route that says who may call it lets the program start', () => {
  for (const config of FIT) assert.doesNotThrow(declare(config), JSON.stringify(config));
});

const UNFIT: [what: string, config: Config | undefined][] = [
  ['nothing', undefined],
  ['an empty declaration', {}],
  ['open and a permission', { open: true, access: 'user:create' }],
  ['open that is false', { open: false }],
  ['a misspelt permission', { access: 'user:creat' }],
  ['a permission of projects without a project', { access: 'member:list' }],
  ['a permission of the system with a project', { access: 'user:list', project }],
  ['being signed in, with a project', { access: 'signed-in', project }],
  ['an action that the resource does not have', { access: 'log:delete', project }],
  ['a permission of repositories without one', { access: 'repository:push' }],
  ['an unknown permission of a repository', { access: 'repository:own', repository }],
  [
    'a project that the path does not name',
    { access: 'member:list', project: 'project_name_or_id' },
  ],
  ['a name that every object has', { access: 'constructor' }],
];

test('a route that does not say who may call it stops the start', () => {
  for (const [what, config] of UNFIT) {
    assert.throws(declare(config), /must declare config\.access/, what);
  }
});
