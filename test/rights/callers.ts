import { basic } from '../harness/client.ts';
import { ADMIN_PASSWORD, PASSWORD, type TestApp } from '../harness.ts';

/** The projects in which every caller with a role has it. */
export const PROJECTS = ['private', 'public'] as const;
export type Project = (typeof PROJECTS)[number];

/** The columns of the table, and the headers of their requests. */
export type Callers = Record<string, Record<string, string>>;

const ROLES = { limited: 5, guest: 3, developer: 2, maintainer: 4, owner: 1 };

/** Makes the projects, and somebody of each kind. */
export async function makeCallers({ createUser, createProject }: TestApp): Promise<Callers> {
  for (const project of PROJECTS) await createProject(project, project === 'public');
  const callers: Callers = {
    anonymous: {},
    outsider: { authorization: basic('outsider', PASSWORD) },
  };
  for (const name of ['somebody', 'outsider']) await createUser(name);
  for (const [name, role] of Object.entries(ROLES)) {
    await createUser(name, { private: role, public: role });
    callers[name] = { authorization: basic(name, PASSWORD) };
  }
  return { ...callers, admin: { authorization: basic('admin', ADMIN_PASSWORD) } };
}
