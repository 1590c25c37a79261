import { Refusal } from '../../lib/errors.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import { findReadOnlyProject } from './store.ts';

/** What a project stores; its members, settings and rules are none of it. */
const CONTENT = new Set([
  'repository',
  'artifact',
  'artifact-label',
  'tag',
  'tag-retention',
  'sbom',
]);
const HARMLESS = new Set(['read', 'list', 'pull', 'stop']);
/** Policies can be changed while they can't run. */
const HARMLESS_POLICY = new Set(['create', 'update', 'delete']);

/** Whether somebody who uses the permission changes what a project stores. */
function changesContent(permission: string): boolean {
  if (permission === 'project:delete') return true;
  const [resource, action] = permission.split(':') as [string, string];
  if (!CONTENT.has(resource) || HARMLESS.has(action)) return false;
  return resource !== 'tag-retention' || !HARMLESS_POLICY.has(action);
}

/** Passes unless what is stored in the project can't be changed, and the permission is for changing it. */
export async function requireChangeable(
  lookups: Lookups,
  projectId: number,
  permission: string,
): Promise<void> {
  if (!changesContent(permission)) return;
  const name = await findReadOnlyProject(lookups, projectId);
  if (name !== undefined) throw isReadOnly(name);
}

export function isReadOnly(project: string): Refusal {
  return new Refusal(
    'DENIED',
    `the project ${project} is read-only: what is in it can't be changed until its metadata read_only is unset`,
  );
}
