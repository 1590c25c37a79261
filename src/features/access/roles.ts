/** Roles in a project, with the ids of Harbor's API. */
export const ROLE_IDS = {
  projectAdmin: 1,
  maintainer: 4,
  developer: 2,
  guest: 3,
  limitedGuest: 5,
} as const;

export type Role = keyof typeof ROLE_IDS;
/** `anyone`: everybody, anonymous callers too, in a public project. */
type Column = Role | 'anyone';

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

// Who may do what in a project, a letter per action (see ACTIONS); `-` is nothing.
// columns: projectAdmin, maintainer, developer, guest, limitedGuest, anyone
const TABLE = `
project              rud      r        r        r     r     r
member               crudl    rl       rl       rl    -     -
metadata             crud     r        -        -     -     -
log                  l        -        -        -     -     -
label                crudl    crudl    rl       rl    -     rl
quota                r        r        r        r     r     -
repository           crudlPp  crudlPp  crulPp   rlP   rlP   lP
tag-retention        crudlo   crudlo   crudlo   -     -     -
immutable-tag        cudl     cudl     -        -     -     -
configuration        ru       r        r        r     r     -
robot                crudl    rl       rl       rl    -     -
notification-policy  crudl    rl       -        -     -     -
scan                 crs      crs      r        r     r     r
sbom                 crs      crs      r        r     r     -
scanner              rc       r        r        r     r     r
artifact             crdl     crdl     crl      rl    rl    rl
artifact-addition    r        r        r        r     r     r
tag                  cdl      cdl      cl       l     l     l
accessory            l        l        l        l     l     l
artifact-label       cd       cd       cd       -     -     -
preheat-policy       crudl    -        -        -     -     -
export-cve           crl      crl      crl      -     -     -
trash                ldb      -        -        -     -     -
`;
const COLUMNS: Column[] = [
  'projectAdmin',
  'maintainer',
  'developer',
  'guest',
  'limitedGuest',
  'anyone',
];

/** Permissions are named `resource:action`. */
const ALLOWED = new Map<Column, Set<string>>(COLUMNS.map((column) => [column, new Set()]));
/** Every permission that can be asked in a project. */
export const PROJECT_PERMISSIONS: ReadonlySet<string> = readTable();

function readTable(): Set<string> {
  const all = new Set<string>();
  for (const line of TABLE.trim().split('\n')) {
    const [resource, ...cells] = line.split(/\s+/) as [string, ...string[]];
    for (const [index, cell] of cells.entries()) {
      for (const letter of cell.replace('-', '')) {
        const permission = `${resource}:${ACTIONS[letter as keyof typeof ACTIONS]}`;
        all.add(permission);
        ALLOWED.get(COLUMNS[index]!)!.add(permission);
      }
    }
  }
  return all;
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
  if (roles.some((role) => ALLOWED.get(role)!.has(permission))) return true;
  return isPublic && ALLOWED.get('anyone')!.has(permission);
}
