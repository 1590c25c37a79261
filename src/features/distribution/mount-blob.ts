import { Refusal } from '../../lib/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { Platform } from '../../platform/index.ts';
import {
  describeAccess,
  findRepositoryScope,
  holdsGrant,
  listAllowedProjectIds,
  type Caller,
  type RepositoryKey,
} from '../access/index.ts';
import {
  ensureRepository,
  findBlobSource,
  mountBlob,
  type BlobSource,
} from '../artifacts/index.ts';
import { projectGone } from './upload.ts';

export interface MountRequest {
  digest: Digest;
  /** Undefined: wherever it can be found. */
  from: RepositoryName | undefined;
  target: RepositoryKey;
}

/**
 * Mounts a blob from a repository that the caller may pull from (OCI 1.1 §mounting-a-blob). False: nobody
 * whom the caller may ask has it. A bearer token that lacks a right its owner has is sent to get it: 401.
 */
export async function tryMount(
  { db, lookups }: Pick<Platform, 'db' | 'lookups'>,
  caller: Caller,
  mount: MountRequest,
): Promise<boolean> {
  const source = await findSource({ db, lookups }, caller, mount);
  if (source === undefined) return false;
  const from = await findBlobSource(db, mount.digest, source);
  if (from === undefined) return false;
  if (!from.isPublic && caller.grants !== undefined && !mayUse(caller, from, mount.target)) {
    throw new Refusal(
      'UNAUTHORIZED',
      `mounting a blob from ${from.name} needs a token that allows to pull from it`,
      {
        detail: [
          ...describeAccess(mount.target.name, ['pull', 'push']),
          ...describeAccess(from.name, ['pull']),
        ],
      },
    );
  }
  const repositoryId = await ensureRepository(db, mount.target);
  if (repositoryId === undefined) throw projectGone();
  return mountBlob(db, { repositoryId, digest: mount.digest, from });
}

/** Where the caller may pull, whatever their token holds. */
async function findSource(
  { db, lookups }: Pick<Platform, 'db' | 'lookups'>,
  caller: Caller,
  { from }: MountRequest,
): Promise<BlobSource | undefined> {
  const account = withoutGrants(caller);
  if (from !== undefined) {
    const repository = await findRepositoryScope(lookups, account, 'pull', from);
    return repository && { repository };
  }
  return { projectIds: await listAllowedProjectIds(db, account, 'repository:pull') };
}

function withoutGrants({ grants: _grants, ...account }: Caller): Caller {
  return account;
}

function mayUse(caller: Caller, from: RepositoryKey, target: RepositoryKey): boolean {
  const isTarget = from.name === target.name && from.projectId === target.projectId;
  return isTarget || holdsGrant(caller, 'pull', from);
}
