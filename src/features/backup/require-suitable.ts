import { describeError } from '../../lib/describe-error.ts';
import { readProgramVersion } from '../../lib/program-version.ts';
import { listMigrations, requireKnown } from '../../platform/db/migrate.ts';
import { requireKeyOf } from '../tokens/index.ts';
import { storeOf, type Manifest } from './manifest.ts';
import type { RestoreOptions } from './restore-options.ts';

type Wishes = Pick<RestoreOptions, 'config' | 'secretBox' | 'keepBlobs' | 'newSecretKey'>;

/** Refuses what could not become a registry that works, before anything is changed. */
export function requireSuitable(manifest: Manifest, wishes: Wishes): void {
  requireSchema(manifest);
  requireBlobs(manifest, wishes);
  if (!wishes.newSecretKey) requireKey(manifest, wishes);
}

function requireSchema({ name, program, migrations }: Manifest): void {
  try {
    requireKnown(listMigrations(), migrations);
  } catch (cause) {
    throw new Error(
      `${name} was made by roadstead ${program}; this is ${readProgramVersion()}: ${describeError(cause)}`,
      { cause },
    );
  }
}

function requireBlobs({ name, blobs }: Manifest, { config, keepBlobs }: Wishes): void {
  if (!keepBlobs && blobs.content === 'listed') {
    throw new Error(
      `${name} only lists its blobs: restore it with --keep-blobs, with the configuration of the store that has them`,
    );
  }
  if (keepBlobs && blobs.store === 's3' && storeOf(config) === 'folder') {
    throw new Error(
      'blobs of a bucket cannot be used as they are in a folder: without --keep-blobs they are copied',
    );
  }
}

function requireKey({ name, secret_check: sealed }: Manifest, { secretBox }: Wishes): void {
  if (sealed === undefined) return;
  const remedy =
    'put secret.key of the registry that was backed up into the data folder, or set secret_key to its content. If it is lost: --new-secret-key';
  if (secretBox === undefined) throw new Error(`${name} wants its secret key: ${remedy}`);
  try {
    requireKeyOf(secretBox, Buffer.from(sealed, 'base64'));
  } catch (cause) {
    throw new Error(`${name} was made with another secret key than the one here: ${remedy}`, {
      cause,
    });
  }
}
