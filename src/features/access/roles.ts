/** Roles in a project, with the ids of Harbor's API. */
export const ROLE_IDS = {
  projectAdmin: 1,
  maintainer: 4,
  developer: 2,
  guest: 3,
  limitedGuest: 5,
} as const;

export type Role = keyof typeof ROLE_IDS;

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
} as const;

// Who may do what, a letter per action (see ACTIONS); `-` is nothing. `anyone` is everybody, anonymous callers
// too, in a public project; `robot` is what can be given to a robot account. System administrators may do all.
const IN_A_PROJECT = readTable(`
                     projectAdmin  maintainer  developer  guest  limitedGuest  anyone  robot
project              rud           r           r          r      r             r       rud
member               crudl         rl          rl         rl     -             -       crudl
metadata             crudl         r           -          -      -             -       crudl
log                  l             -           -          -      -             -       l
label                crudl         crudl       rl         rl     -             rl      crudl
quota                r             r           r          r      r             -       r
repository           crudlPp       crudlPp     crulPp     rlP    rlP           lP      rudlPp
tag-retention        crudlo        crudlo      crudlo     -      -             -       crudl
immutable-tag        cudl          cudl        -          -      -             -       cudl
configuration        ru            r           r          r      r             -       -
robot                crudl         rl          rl         rl     -             -       crld
notification-policy  crudl         rl          -          -      -             -       crudl
scan                 crs           crs         r          r      r             r       crs
sbom                 crs           crs         r          r      r             -       crs
scanner              rc            r           r          r      r             r       rc
artifact             crdl          crdl        crl        rl     rl            rl      crdl
artifact-addition    r             r           r          r      r             r       r
tag                  cdl           cdl         cl         l      l             l       cdl
accessory            l             l           l          l      l             l       l
artifact-label       cd            cd          cd         -      -             -       cd
preheat-policy       crudl         -           -          -      -             -       crudl
export-cve           crl           crl         crl        -      -             -       cr
trash                ldb           -           -          -      -             -       -
`);

// The same for the registry as a whole.
const IN_THE_SYSTEM = readTable(`
                     administrator  robot
audit-log            l              l
catalog              r              r
configuration        ru             -
distribution         crudl          -
garbage-collection   crudls         cruls
jobservice-monitor   rls            ls
label                crud           crud
ldap-user            cl             cl
preheat-instance     crudl          crudl
project              crudl          cl
purge-audit          crudls         cruls
quota                rul            rul
registry             crudl          crudl
replication          crudl          crl
replication-adapter  l              l
replication-policy   crudl          crudl
robot                crudl          crdl
scan-all             crudls         crus
scanner              crudl          crudl
security-hub         rl             rl
system-volumes       r              r
user                 crudl          crudl
user-group           crudl          crudl
`);

/** Every permission, `resource:action`, that can be asked in a project and of the system. */
export const PERMISSIONS = { project: allOf(IN_A_PROJECT), system: allOf(IN_THE_SYSTEM) } as const;
/** Those of them that a robot account can have. */
export const ROBOT_PERMISSIONS = {
  project: IN_A_PROJECT.get('robot')!,
  system: IN_THE_SYSTEM.get('robot')!,
} as const;

/** The permissions in each column. */
function readTable(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const [heading, ...lines] = text.trim().split('\n') as [string, ...string[]];
  const columns = heading.split(/\s+/).map((name) => [name, new Set<string>()] as const);
  for (const line of lines) {
    const [resource, ...cells] = line.split(/\s+/);
    for (const [index, [, permissions]] of columns.entries()) {
      for (const letter of cells[index]!.replace('-', '')) {
        permissions.add(`${resource}:${ACTIONS[letter as keyof typeof ACTIONS]}`);
      }
    }
  }
  return new Map(columns);
}

function allOf(table: ReturnType<typeof readTable>): ReadonlySet<string> {
  return new Set([...table.values()].flatMap((permissions) => [...permissions]));
}

export function findRole(id: number): Role | undefined {
  return (Object.keys(ROLE_IDS) as Role[]).find((role) => ROLE_IDS[role] === id);
}

/** The strongest first, as Harbor orders them. */
export function strongestRole(roles: Role[]): Role | undefined {
  return (Object.keys(ROLE_IDS) as Role[]).find((role) => roles.includes(role));
}

/** Whether somebody with these roles, in a project that is public or not, has the permission. */
export function roleAllows(roles: Role[], isPublic: boolean, permission: string): boolean {
  if (roles.some((role) => IN_A_PROJECT.get(role)!.has(permission))) return true;
  return isPublic && IN_A_PROJECT.get('anyone')!.has(permission);
}
