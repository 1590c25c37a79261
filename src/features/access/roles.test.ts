import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  findRole,
  PERMISSIONS,
  ROBOT_PERMISSIONS,
  ROLE_IDS,
  roleAllows,
  strongestRole,
} from './roles.ts';

// Harbor's table as it documents it: projectAdmin, maintainer, developer, guest, limitedGuest, and anyone in a
// public project. What Harbor lacks: all of `trash`, and that a projectAdmin has metadata:list, since a robot of
// theirs can.
const HARBOR = `
| project | r u d | r | r | r | r | r |
| member | c r u d l | r l | r l | r l | | |
| metadata | c r u d l | r | | | | |
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

  assert.deepEqual([...PERMISSIONS.project].toSorted(), wanted.toSorted());
});

// What Harbor lets a robot have (harbor-behaviour §3.1).
const ROBOT = {
  system: `audit-log l; preheat-instance c r u d l; project l c; replication-policy c r u d l; replication r c l;
    replication-adapter l; registry c r u d l; scan-all c r u s; system-volumes r; garbage-collection c r l u s;
    purge-audit c r l u s; jobservice-monitor l s; scanner c r u d l; label c r u d; security-hub r l; catalog r;
    quota r l u; robot c r l d; user c r u d l; ldap-user c l; user-group c r u d l`,
  project: `log l; project r u d; metadata c r u d l; repository r u d l P p; artifact c r l d; scan c r s;
    sbom c r s; tag c l d; accessory l; artifact-addition r; artifact-label c d; scanner c r;
    preheat-policy c r u d l; immutable-tag c u d l; notification-policy c r u d l; tag-retention c r u d l;
    label c r u d l; quota r; robot c r l d; export-cve c r; member c r u d l`,
};

test('a robot can be given what it can in Harbor', () => {
  for (const level of ['system', 'project'] as const) {
    const wanted = ROBOT[level].split(';').flatMap((line) => {
      const [resource, ...letters] = line.trim().split(/\s+/);
      return letters.map((letter) => `${resource}:${ACTIONS[letter as keyof typeof ACTIONS]}`);
    });

    assert.deepEqual([...ROBOT_PERMISSIONS[level]].toSorted(), wanted.toSorted());
  }
});

test('what a robot can have, an administrator of its project or of the system has', () => {
  for (const permission of ROBOT_PERMISSIONS.project) {
    assert.ok(roleAllows(['projectAdmin'], false, permission), permission);
  }
  for (const permission of ROBOT_PERMISSIONS.system) {
    assert.ok(PERMISSIONS.system.has(permission), permission);
  }
});

test('somebody without a role may do nothing in a private project', () => {
  const allowed = [...PERMISSIONS.project].filter((permission) =>
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
