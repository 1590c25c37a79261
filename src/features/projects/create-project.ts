import type { Static } from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import { insertMember, requireSystemAccess, type Caller } from '../access/index.ts';
import { findFirstAdministrator } from '../accounts/index.ts';
import { limitProject, toHardBytes } from '../quotas/index.ts';
import { findSettings, type Settings } from '../settings/index.ts';
import { readAllowlist } from './allowlist.ts';
import { applyMetadata, showMetadata, type StoredMetadata } from './metadata.ts';
import type { ProjectCreation } from './schema.ts';
import { replaceAllowlist } from './store/allowlists.ts';
import { insertProject } from './store/projects.ts';

const NEW: StoredMetadata = {
  is_public: false,
  is_read_only: false,
  trash_days: null,
  metadata: {},
};

/**
 * Makes a project, of which the caller becomes the administrator; for a robot, the first system administrator.
 * Answers its id.
 */
export async function createProject(
  { db, lookups }: { db: Db; lookups: Lookups },
  caller: Caller,
  wanted: Static<typeof ProjectCreation>,
  who: { actor: string; client: string },
): Promise<number> {
  const settings = await findSettings(lookups);
  if (caller.robot !== undefined || settings.project_creation_restriction === 'adminonly') {
    requireSystemAccess(caller, 'project:create');
  }
  const { project_name: name, cve_allowlist } = wanted;
  if ((wanted.registry_id ?? undefined) !== undefined) {
    throw new Refusal(
      'BAD_REQUEST',
      'bad request: this registry has no proxy cache projects; leave registry_id out',
    );
  }
  const owner_id = caller.user?.id ?? (await findFirstAdministrator(db)).id;
  const hardBytes = readLimit(settings, caller, wanted.storage_limit ?? 0);
  const isPublic = { ...NEW, is_public: wanted.public === true };
  const metadata = applyMetadata(isPublic, wanted.metadata ?? {});
  return inTransaction(db, async (tx) => {
    const project_id = await insertProject(tx, { name, owner_id, ...metadata });
    await insertMember(tx, { project_id, user_id: owner_id, role: 'projectAdmin' });
    if (hardBytes !== null) await limitProject(tx, project_id, hardBytes);
    if (cve_allowlist) await replaceAllowlist(tx, project_id, readAllowlist(cve_allowlist));
    await emit(tx, {
      type: 'project.created',
      projectId: project_id,
      subject: { project: name },
      after: { ...showMetadata(metadata), storage_limit: hardBytes ?? -1 },
      ...who,
    });
    return project_id;
  });
}

/** As in Harbor: administrators choose, 0 and everybody else is the default. Null: no limit. */
function readLimit(
  { quota_per_project_enable, storage_per_project }: Settings,
  { user }: Caller,
  wanted: number,
): number | null {
  if (!quota_per_project_enable) return null;
  if (wanted !== 0 && user?.isSysadmin === true) return toHardBytes(wanted);
  return storage_per_project < 1 ? null : storage_per_project;
}
