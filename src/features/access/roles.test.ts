import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findRole, PROJECT_PERMISSIONS, ROLE_IDS, roleAllows, strongestRole } from './roles.ts';

// Harbor's table as it documents it, and what Harbor lacks: projectAdmin, maintainer, developer, guest,
// limitedGuest, and anyone in a public project.
const HARBOR = `
| project | r u d | r | r | r | r | r |
| member | c r u d l | r l | r l | r l | | |
| metadata | c r u d | r | | | | |
| log | l | | | | | |
| label | c r u d l | c r u d l | r l | r l | | r l |
| quota | r | r | r | r | r | |
| repository | c r u d l P p | c r u d l P p | c r u l P p | r l P | r l P | l P |
| tag-retention | c r u d l o | c r u d l o | c r u d l o | | | |
| immutable-tag | c u d l | c u d l | | | | |
| configuration | r u | r | r | r | r | |
| robot | c r u d l | r l | r l | r l | | |
| notification-policy | c r u d l | r l | | | | |
| scan | c r s | c r s | r | r | r | r |
| sbom | c r s | c r s | r | r | r | |
| scanner | r c | r | r | r | r | r |
| artifact | c r d l | c r d l | c r l | r l | r l | r l |
| artifact-addition | r | r | r | r | r | r |
| tag | c d l | c d l | c l | l | l | l |
| accessory | l | l | l | l | l | l |
| artifact-label | c d | c d | c d | | | |
| preheat-policy | c r u d l | | | | | |
| export-cve | c r l | c r l | c r l | | | |
| trash | l d b | | | | | |
`;
const ROLES = ['projectAdmin', 'maintainer', 'developer', 'guest', 'limitedGuest'] as const;
const ACTIONS = {
  c: 'create',
  r: 'read',
  u: 'update',
  d: 'delete',
  l: 'list',
  P: 'pull',
  p: 'push',
  o: 'operate',
  s: 'stop',
  b: 'restore',
};
const rows = HARBOR.trim()
  .split('\n')
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('every role may do in a project what it may in Harbor, and nothing else', () => {
  for (const [resource, ...cells] of rows) {
    for (const [letter, action] of Object.entries(ACTIONS)) {
      const permission = `${resource}:${action}`;
      const wanted = cells.map((cell) => cell.includes(letter));

      const allowed = ROLES.map((role) => roleAllows([role], false, permission));
      const anyone = roleAllows([], true, permission);

      assert.deepEqual([...allowed, anyone], wanted, permission);
    }
  }
});

test('there are no permissions beside those of the table', () => {
  const wanted = rows.flatMap(([resource, ...cells]) =>
    Object.entries(ACTIONS)
      .filter(([letter]) => cells.some((cell) => cell.includes(letter)))
      .map(([, action]) => `${resource}:${action}`),
  );

  assert.deepEqual([...PROJECT_PERMISSIONS].toSorted(), wanted.toSorted());
});

test('somebody without a role may do nothing in a private project', () => {
  const allowed = [...PROJECT_PERMISSIONS].filter((permission) =>
    roleAllows([], false, permission),
  );

  assert.deepEqual(allowed, []);
});

test('a member of a public project has their role and what anyone has', () => {
  assert.equal(roleAllows(['limitedGuest'], true, 'label:list'), true);
  assert.equal(roleAllows(['limitedGuest'], false, 'label:list'), false);
  assert.equal(roleAllows(['limitedGuest'], true, 'repository:read'), true);
});

test('several roles allow what any of them allows', () => {
  assert.equal(roleAllows(['guest', 'developer'], false, 'repository:push'), true);
  assert.equal(roleAllows(['guest', 'limitedGuest'], false, 'repository:push'), false);
});

test('the ids of roles and their order are those of Harbor', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((id) => findRole(id)),
    ['projectAdmin', 'developer', 'guest', 'maintainer', 'limitedGuest', undefined],
  );
  assert.equal(strongestRole(['limitedGuest', 'developer', 'maintainer']), 'maintainer');
  assert.equal(strongestRole([]), undefined);
  assert.equal(Object.keys(ROLE_IDS).length, 5);
});
