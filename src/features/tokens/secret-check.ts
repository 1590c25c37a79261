import type { Db } from '../../platform/db/connect.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import { openKey } from './signing-keys.ts';
import * as store from './store.ts';

const PURPOSE = 'secret check';

/**
 * Fails when the secrets in the database were sealed with another key than this. Of two nodes with different
 * keys that start together on a new database, the second fails.
 */
export async function requireMatchingKey(db: Db, secretBox: SecretBox): Promise<void> {
  const newest = await store.findNewestPrivateKey(db);
  if (newest !== undefined) openKey(secretBox, newest);
  const check = secretBox.seal(Buffer.from('any text'), PURPOSE);
  requireKeyOf(secretBox, await store.keepSecretCheck(db, check));
}

/** Fails when a registry left `sealed`, its secret check, with another key than this. */
export function requireKeyOf(secretBox: SecretBox, sealed: Uint8Array): void {
  secretBox.open(sealed, PURPOSE);
}
