import { remember } from '../../lib/remember.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import type { SignedInRobot, SignedInUser } from '../access/index.ts';
import { findSignedInRobot, findSignedInUser } from '../accounts/index.ts';

/** Who the owner of a token is now; undefined when they are gone, or can't sign in any more. */
export interface TokenOwners {
  findUser(id: number): Promise<SignedInUser | undefined>;
  findRobot(id: number, secretId: number): Promise<SignedInRobot | undefined>;
}

/** A revocation counts after this at the latest. A pull of many layers asks once, not for each. */
const REMEMBERED = { ms: 1000, maxEntries: 10_000 };

export function createTokenOwners(lookups: Lookups): TokenOwners {
  const findRobot = remember((key: string) => {
    const [id, secretId] = key.split(' ').map(Number) as [number, number];
    return findSignedInRobot(lookups, id, secretId);
  }, REMEMBERED);
  return {
    findUser: remember((id: number) => findSignedInUser(lookups, id), REMEMBERED),
    findRobot: (id, secretId) => findRobot(`${id} ${secretId}`),
  };
}
