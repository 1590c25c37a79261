import { clock } from '../../lib/clock.ts';
import { LruMap } from '../../lib/lru-map.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import type { SignedInUser } from '../access/index.ts';
import { findSignedInUser } from '../accounts/index.ts';
import type { FindOwner } from './bearer-token.ts';

/** A revocation counts after this at the latest. A pull of many layers asks once, not for each. */
const FRESH_MS = 1000;

/** Answers who the owner of a token is now, and remembers it for a second. */
export function createTokenOwners(lookups: Lookups): FindOwner {
  const known = new LruMap<number, { owner: Promise<SignedInUser | undefined>; until: number }>(
    10_000,
  );
  return (id) => {
    const now = clock.now().getTime();
    const remembered = known.get(id);
    if (remembered !== undefined && remembered.until > now) return remembered.owner;
    const owner = findSignedInUser(lookups, id);
    known.set(id, { owner, until: now + FRESH_MS });
    owner.catch(() => known.delete(id));
    return owner;
  };
}
