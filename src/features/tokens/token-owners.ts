import { remember } from '../../lib/remember.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import { findSignedInUser } from '../accounts/index.ts';
import type { FindOwner } from './bearer-token.ts';

/** A revocation counts after this at the latest. A pull of many layers asks once, not for each. */
const FRESH_MS = 1000;

/** Answers who the owner of a token is now, and remembers it for a second. */
export const createTokenOwners = (lookups: Lookups): FindOwner =>
  remember((id) => findSignedInUser(lookups, id), { ms: FRESH_MS, maxEntries: 10_000 });
