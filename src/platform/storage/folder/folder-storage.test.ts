import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { temporaryFolder } from '../../../../test/harness.ts';
import { testStorage } from '../adapter-suite.ts';
import { openFolderStorage } from './folder-storage.ts';

testStorage('folder', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');
  return () => openFolderStorage(root);
});

test('a folder store has its 256 shard folders, even if several processes make them at once', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');

  await Promise.all([1, 2, 3, 4].map(() => openFolderStorage(root).prepare()));

  const shards = await readdir(root);
  assert.equal(shards.length, 256);
  assert.deepEqual([shards.toSorted()[0], shards.toSorted()[255]], ['00', 'ff']);
});

test('a folder store whose folder is gone is not healthy', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');
  const storage = openFolderStorage(root);
  await storage.prepare();

  await rm(root, { recursive: true });

  assert.equal(await storage.isHealthy(), false);
});

test('a stream that ends or is given up leaves no file open', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');
  const storage = openFolderStorage(root);
  await storage.prepare();
  const location = storage.newLocation();
  const writer = await storage.openWriter(location, 0);
  await writer.write(Buffer.alloc(1_000_000));
  await writer.sync();
  await writer.close();

  for (let times = 0; times < 20; times++) {
    const stream = await storage.read(location);
    stream.destroy();
    await assert.rejects(storage.read(location, { start: 0, end: 1_000_000 }));
    await assert.rejects(storage.openWriter(location, 1_000_001));
  }
  await sleep(50);

  const open = await readdir('/proc/self/fd').catch(() => []);
  t.diagnostic(`${open.length} files are open`);
  assert.ok(open.length < 50, `${open.length} files are open`);
});

test('bytes that were written but not synced are given back when the writer closes', async (t) => {
  const root = await temporaryFolder(t);
  const storage = openFolderStorage(root);
  await storage.prepare();
  const location = storage.newLocation();
  const writer = await storage.openWriter(location, 0);
  await writer.write(Buffer.alloc(3 * 1024 * 1024));
  await writer.sync();

  await writer.write(Buffer.alloc(5 * 1024 * 1024));
  await writer.close();

  assert.equal((await storage.readWhole(location)).length, 3 * 1024 * 1024);
});
