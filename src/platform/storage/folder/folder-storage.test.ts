import assert from 'node:assert/strict';
import { open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { temporaryFolder } from '../../../../test/harness.ts';
import { testStorage } from '../adapter-suite.ts';
import { BEGINNING } from '../adapter.ts';
import { openFolderStorage } from './folder-storage.ts';

const behind = (sizeBytes: number) => ({ sizeBytes, state: null });

/** What every open file has its methods from. */
async function findHandleMethods(): Promise<FileHandle> {
  const handle = await open(import.meta.filename);
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

async function prepareStorage(t: TestContext) {
  const storage = openFolderStorage(join(await temporaryFolder(t), 'blobs'), 0);
  await storage.prepare();
  return storage;
}

testStorage('folder', {
  begin: async (t) => {
    const root = join(await temporaryFolder(t), 'blobs');
    return () => openFolderStorage(root, 0);
  },
});

test('a folder store has its 256 shard folders, even if several processes make them at once', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');

  await Promise.all([1, 2, 3, 4].map(() => openFolderStorage(root, 0).prepare()));

  const shards = await readdir(root);
  assert.equal(shards.length, 256);
  assert.deepEqual([shards.toSorted()[0], shards.toSorted()[255]], ['00', 'ff']);
});

test('a folder store whose folder is gone is not healthy', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');
  const storage = openFolderStorage(root, 0);
  await storage.prepare();

  await rm(root, { recursive: true });

  assert.equal(await storage.isHealthy(), false);
});

test('a reader that is closed, or could not be opened, leaves no file open', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');
  const storage = openFolderStorage(root, 0);
  await storage.prepare();
  const location = storage.newLocation();
  const writer = await storage.openWriter(location, BEGINNING);
  await writer.write(Buffer.alloc(1_000_000));
  await writer.sync();
  await writer.close();

  const countOpen = async () => (await readdir('/proc/self/fd').catch(() => [])).length;
  const before = await countOpen();

  for (let times = 0; times < 20; times++) {
    const reader = await storage.openReader(location, { start: 0, end: 999_999 });
    await reader.close();
    await assert.rejects(storage.openReader(location, { start: 0, end: 1_000_000 }));
    await assert.rejects(storage.openWriter(location, behind(1_000_001)));
  }
  await sleep(50);

  const after = await countOpen();
  assert.ok(after <= before, `${after} files are open, ${before} were before`);
});

test('bytes that were written but not synced are given back when the writer closes', async (t) => {
  const root = await temporaryFolder(t);
  const storage = openFolderStorage(root, 0);
  await storage.prepare();
  const location = storage.newLocation();
  const writer = await storage.openWriter(location, BEGINNING);
  await writer.write(Buffer.alloc(3 * 1024 * 1024));
  await writer.sync();

  await writer.write(Buffer.alloc(5 * 1024 * 1024));
  await writer.close();

  assert.equal((await storage.readWhole(location)).length, 3 * 1024 * 1024);
});

test('a file is synced when its bytes change, its folder once, when it is new', async (t) => {
  const storage = await prepareStorage(t);
  const methods = await findHandleMethods();
  const synced: string[] = [];
  for (const method of ['sync', 'datasync'] as const) {
    const original = methods[method];
    t.mock.method(methods, method, function (this: FileHandle) {
      synced.push(method === 'sync' ? 'folder' : 'file');
      return original.call(this);
    });
  }
  const location = storage.newLocation();
  const add = async (offset: number, text: string) => {
    synced.length = 0;
    const writer = await storage.openWriter(location, behind(offset));
    if (text !== '') await writer.write(Buffer.from(text));
    await writer.sync();
    await writer.close();
    return synced.join(' ');
  };

  assert.equal(await add(0, 'first'), 'file folder');
  assert.equal(await add(5, 'second'), 'file');
  assert.equal(await add(11, ''), '', 'nothing was added');
  assert.equal(await add(5, ''), 'file', 'it was cut off');
  assert.equal(await add(0, ''), 'file folder', 'it begins again');
});

for (const method of ['sync', 'datasync'] as const) {
  test(`a ${method === 'sync' ? 'folder' : 'file'} that can't be synced fails the writer`, async (t) => {
    const storage = await prepareStorage(t);
    const methods = await findHandleMethods();
    const writer = await storage.openWriter(storage.newLocation(), BEGINNING);
    await writer.write(Buffer.from('lost'));
    t.mock.method(methods, method, () => Promise.reject(new Error('the disk is broken')));

    await assert.rejects(writer.sync(), /the disk is broken/);
    await writer.close();
  });
}

test('a large file is synced while it comes, and a failure then is not forgotten', async (t) => {
  const storage = await prepareStorage(t);
  const methods = await findHandleMethods();
  let synced = 0;
  t.mock.method(methods, 'datasync', async () => {
    if (++synced === 2) throw new Error('the disk is broken');
  });
  const writeLarge = async (sizeMib: number) => {
    const writer = await storage.openWriter(storage.newLocation(), BEGINNING);
    try {
      for (let n = 0; n < sizeMib; n++) await writer.write(Buffer.alloc(1024 * 1024));
      await writer.sync();
    } finally {
      await writer.close();
    }
  };

  await assert.rejects(writeLarge(70), /the disk is broken/);
  synced = 2;
  await writeLarge(70);

  assert.equal(synced, 2 + 3);
});

test('a small file that can not be written whole leaves nothing', async (t) => {
  const root = join(await temporaryFolder(t), 'blobs');
  const storage = openFolderStorage(root, 0);
  await storage.prepare();
  const location = storage.newLocation();
  await storage.writeWhole(location, Buffer.from('first'));
  await rm(join(root, location.slice(0, 2)), { recursive: true });

  await assert.rejects(storage.writeWhole(location, Buffer.from('second')), { code: 'ENOENT' });

  await assert.rejects(storage.readWhole(location), { code: 'ENOENT' });
});

test('finished bytes can have a second name, with which they outlive the first', async (t) => {
  const storage = await prepareStorage(t);
  const location = storage.newLocation();
  await storage.writeWhole(location, Buffer.from('content'));
  const path = join(await temporaryFolder(t), 'second');

  assert.equal(await storage.linkTo!(location, path), true);
  await storage.remove(location);

  assert.equal(await readFile(path, 'utf8'), 'content');
  await assert.rejects(storage.linkTo!(location, `${path}-2`), /ENOENT/);
});
