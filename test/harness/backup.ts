/** Backups of a test app, and what comes of them elsewhere. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { findName } from '../../src/features/backup/backup-folder.ts';
import { makeBackup, type BackupOptions } from '../../src/features/backup/make-backup.ts';
import { Progress } from '../../src/features/backup/progress.ts';
import type { RestoreOptions } from '../../src/features/backup/restore-options.ts';
import { restore } from '../../src/features/backup/restore.ts';
import { readConfig, toConfig, type ConfigValues } from '../../src/platform/config/index.ts';
import type { Db } from '../../src/platform/db/connect.ts';
import { isEmptyDatabase } from '../../src/platform/db/dump/index.ts';
import { openStorage } from '../../src/platform/storage/index.ts';
import { startApp, temporaryFolder, type TestApp } from '../harness.ts';
import { createDatabase, open, type Address } from './database.ts';

const progress = new Progress({ write() {} });
const never = new AbortController().signal;

export function backUp(
  { platform, address }: Pick<TestApp, 'platform' | 'address'>,
  dir: string,
  changes: Partial<BackupOptions> = {},
) {
  const { db, storage, config } = platform;
  return makeBackup({
    address,
    db,
    storage,
    config,
    dir,
    content: 'copied',
    progress,
    signal: never,
    ...changes,
  });
}

export interface Place {
  address: Address;
  data: string;
  s3?: ConfigValues['s3'] | undefined;
}

/** An empty database and an empty folder. */
export async function emptyPlace(t: TestContext, s3?: ConfigValues['s3']): Promise<Place> {
  return {
    address: await createDatabase(t, { isEmpty: true }),
    data: await temporaryFolder(t),
    s3,
  };
}

/** Restores the newest backup. */
export async function restoreInto(
  { address, data, s3 }: Place,
  root: string,
  changes: Partial<RestoreOptions> = {},
) {
  const db = open(address, 2);
  const config = toConfig({ ...readConfig({}), data, ...(s3 === undefined ? {} : { s3 }) });
  try {
    return await restore({
      address,
      db,
      storage: await openStorage(config),
      config,
      secretBox: undefined,
      root,
      name: await findName(root, undefined),
      keepBlobs: false,
      newSecretKey: false,
      withoutDamaged: false,
      progress,
      signal: never,
      ...changes,
    });
  } finally {
    await db.destroy();
  }
}

/** An app, a folder for its backups, and where they can be restored. */
export async function startWithPlace(t: TestContext) {
  const app = await startApp(t);
  const dir = join(await temporaryFolder(t), 'backups');
  return { ...app, admin: app.as('admin'), dir, place: await emptyPlace(t) };
}

export async function ask<T>(address: Address, question: (db: Db) => Promise<T>): Promise<T> {
  const db = open(address, 1);
  try {
    return await question(db);
  } finally {
    await db.destroy();
  }
}

/** Whether nothing has come there. */
export async function isUntouched({ address, data }: Place): Promise<boolean> {
  const entries = await readdir(data, { recursive: true, withFileTypes: true });
  return !entries.some((entry) => entry.isFile()) && (await ask(address, isEmptyDatabase));
}

/** The program on what was restored. */
export function startAt(t: TestContext, { address, data, s3 }: Place): Promise<TestApp> {
  return startApp(t, {
    besides: { address, platform: { config: { data } } },
    config: (values) => {
      if (s3 !== undefined) values.s3 = s3;
    },
  });
}

/** Everything that can be pulled, by what it is pulled as. */
export async function pullEverything({ as }: TestApp): Promise<Map<string, string>> {
  const admin = as('admin');
  const found = new Map<string, string>();
  const pull = async (path: string) => {
    const reply = await admin.get(path);
    found.set(path, `${reply.statusCode} ${reply.rawPayload.toString('base64')}`);
    return reply;
  };
  const { repositories } = (await pull('/v2/_catalog?n=10000')).json<{ repositories: string[] }>();
  for (const repository of repositories) {
    const list = await pull(`/v2/${repository}/tags/list`);
    for (const tag of list.json<{ tags: string[] }>().tags) {
      const manifest = await pull(`/v2/${repository}/manifests/${tag}`);
      const { config, layers = [] } = manifest.json<{
        config?: { digest: string };
        layers?: { digest: string }[];
      }>();
      for (const { digest } of [...(config ? [config] : []), ...layers]) {
        await pull(`/v2/${repository}/blobs/${digest}`);
      }
    }
  }
  return found;
}
