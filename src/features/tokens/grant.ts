import { findRepositoryName } from '../../oci/reference.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import {
  findStanding,
  isSignedIn,
  listActions,
  type Caller,
  type RepositoryGrant,
} from '../access/index.ts';
import type { Scope } from './scope.ts';

/** The caller as a token of theirs will stand: with those of the wanted scopes that they have. */
export async function grantScopes(
  lookups: Lookups,
  caller: Caller,
  scopes: Scope[],
): Promise<Caller> {
  const grants: RepositoryGrant[] = [];
  for (const scope of scopes) {
    if (scope.type !== 'repository') continue;
    const grant = await grantRepository(lookups, caller, scope);
    if (grant !== undefined) grants.push(grant);
  }
  const mayListCatalog = isSignedIn(caller) && scopes.some(({ type }) => type === 'catalog');
  return { ...caller, grants, mayListCatalog };
}

async function grantRepository(
  lookups: Lookups,
  caller: Caller,
  scope: Scope & { type: 'repository' },
): Promise<RepositoryGrant | undefined> {
  const parsed = findRepositoryName(scope.repository);
  if (parsed === undefined) return undefined;
  const standing = await findStanding(lookups, { name: parsed.project }, caller);
  if (standing === undefined) return undefined;
  const allowed = listActions(standing, caller).filter((action) => scope.actions.includes(action));
  if (allowed.length === 0) return undefined;
  return { repository: scope.repository, projectId: standing.id, actions: allowed };
}
