/** What every storage driver must do. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';

import type { BlobStorage, ByteRange } from './adapter.ts';
import { readAll } from './read-all.ts';

/** Opens the same store again each time: another process on the same bytes. */
export type OpenStorage = () => BlobStorage;

export function testStorage(name: string, begin: (t: TestContext) => Promise<OpenStorage>): void {
  const check: Check = (claim, run) => {
    test(`${name}: ${claim}`, async (t) => {
      const open = await begin(t);
      const storage = open();
      await storage.prepare();
      await run(storage, open);
    });
  };

  checkWriting(check);
  checkReading(check);
  checkKeeping(check);
}

type Check = (
  claim: string,
  run: (storage: BlobStorage, open: OpenStorage) => Promise<void>,
) => void;

async function write(storage: BlobStorage, location: string, offset: number, ...chunks: Buffer[]) {
  const writer = await storage.openWriter(location, offset);
  for (const chunk of chunks) await writer.write(chunk);
  await writer.sync();
  await writer.close();
}

/** That part of a location; all of it when left out. */
async function read(storage: BlobStorage, location: string, range?: ByteRange): Promise<Buffer> {
  const all = { start: 0, end: (await storage.readWhole(location)).length - 1 };
  const chunks: Buffer[] = [];
  const reader = await storage.openReader(location, range ?? all);
  for await (const chunk of readAll(reader)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function checkWriting(check: Check): void {
  check('what was written can be read, however it was cut', async (storage) => {
    const bytes = randomBytes(5_000_000);
    const cuts = [0, 1, 2, 1000, 1_100_000, 1_100_001, 4_000_000, bytes.length];
    const chunks = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
    const location = storage.newLocation();

    await write(storage, location, 0, ...chunks);

    assert.ok((await read(storage, location)).equals(bytes));
    assert.ok((await storage.readWhole(location)).equals(bytes));
  });

  check('many tiny chunks come out in order', async (storage) => {
    const bytes = randomBytes(5000);
    const location = storage.newLocation();

    await write(storage, location, 0, ...Array.from(bytes, (byte) => Buffer.of(byte)));

    assert.ok((await read(storage, location)).equals(bytes));
  });

  check('a writer goes on behind an offset and drops what lies beyond', async (storage) => {
    const location = storage.newLocation();
    await write(storage, location, 0, Buffer.from('0123456789'));

    await write(storage, location, 4, Buffer.from('ab'));

    assert.equal((await read(storage, location)).toString(), '0123ab');
  });

  check('a writer that adds nothing makes an empty location', async (storage) => {
    const location = storage.newLocation();

    await write(storage, location, 0);

    assert.equal((await read(storage, location)).length, 0);
  });

  check('a writer is refused where fewer bytes are than its offset', async (storage) => {
    const location = storage.newLocation();
    await write(storage, location, 0, Buffer.from('0123'));

    await assert.rejects(storage.openWriter(location, 5));
    await assert.rejects(storage.openWriter(storage.newLocation(), 1));
  });

  check('another process sees what was synced', async (storage, open) => {
    const location = storage.newLocation();
    const writer = await storage.openWriter(location, 0);
    await writer.write(Buffer.from('synced'));

    await writer.sync();

    assert.equal((await read(open(), location)).toString(), 'synced');
    await writer.write(Buffer.from(' and more'));
    await writer.sync();
    await writer.close();
    assert.equal((await read(open(), location)).toString(), 'synced and more');
  });
}

function checkReading(check: Check): void {
  check('a range is exactly those bytes', async (storage) => {
    const bytes = randomBytes(700_000);
    const location = storage.newLocation();
    await write(storage, location, 0, bytes);
    const ranges = [
      { start: 0, end: 0 },
      { start: 0, end: 699_999 },
      { start: 262_143, end: 262_145 },
      { start: 699_999, end: 699_999 },
    ];

    for (const range of ranges) {
      const part = await read(storage, location, range);
      assert.ok(part.equals(bytes.subarray(range.start, range.end + 1)), JSON.stringify(range));
    }
  });

  check('reading what is not there, or not whole, fails', async (storage) => {
    const location = storage.newLocation();
    await write(storage, location, 0, Buffer.from('0123'));

    await assert.rejects(read(storage, storage.newLocation()));
    await assert.rejects(storage.readWhole(storage.newLocation()));
    await assert.rejects(read(storage, location, { start: 0, end: 4 }));
    await assert.rejects(read(storage, location, { start: 9, end: 10 }));
  });

  check('a reader that is not read to its end can be given up', async (storage) => {
    const location = storage.newLocation();
    await write(storage, location, 0, randomBytes(2_000_000));

    const reader = await storage.openReader(location, { start: 0, end: 1_999_999 });
    assert.ok((await reader.next()).byteLength > 0);
    await reader.close();

    assert.equal((await read(storage, location)).length, 2_000_000);
  });
}

function checkKeeping(check: Check): void {
  check('it can be prepared again, by several processes at once', async (storage, open) => {
    const location = storage.newLocation();
    await write(storage, location, 0, Buffer.from('kept'));

    await Promise.all([open().prepare(), open().prepare(), open().prepare()]);

    assert.equal((await read(open(), location)).toString(), 'kept');
    assert.equal(await storage.isHealthy(), true);
  });

  check('free bytes, where they can be known, are a number', async (storage) => {
    const free = await storage.findFreeBytes();

    assert.ok(free === undefined || (Number.isSafeInteger(free) && free >= 0), String(free));
  });

  check('locations differ and hold no path to elsewhere', async (storage) => {
    const locations = Array.from({ length: 1000 }, () => storage.newLocation());

    assert.equal(new Set(locations).size, 1000);
    for (const wrong of ['', '../x', '/etc/passwd', '00/../../x', 'ab/..', '00']) {
      await assert.rejects(storage.openReader(wrong, { start: 0, end: 0 }), wrong);
      await assert.rejects(storage.readWhole(wrong), wrong);
      await assert.rejects(storage.openWriter(wrong, 0), wrong);
      await assert.rejects(storage.remove(wrong), wrong);
    }
  });

  check('a prefix is copied and lives on its own', async (storage) => {
    const bytes = randomBytes(300_000);
    const [from, to, empty] = [0, 1, 2].map(() => storage.newLocation()) as [
      string,
      string,
      string,
    ];
    await write(storage, from, 0, bytes);

    await storage.copyPrefix(from, to, 200_000);
    await storage.copyPrefix(from, empty, 0);
    await storage.remove(from);

    assert.ok((await read(storage, to)).equals(bytes.subarray(0, 200_000)));
    assert.equal((await read(storage, empty)).length, 0);
  });

  check('a copy of more than there is fails', async (storage) => {
    const from = storage.newLocation();
    await write(storage, from, 0, Buffer.from('0123'));

    await assert.rejects(storage.copyPrefix(from, storage.newLocation(), 5));
    await assert.rejects(storage.copyPrefix(storage.newLocation(), storage.newLocation(), 1));
  });

  check('what is removed is gone, and removing it again is no error', async (storage) => {
    const location = storage.newLocation();
    await write(storage, location, 0, Buffer.from('a layer'));

    await storage.remove(location);
    await storage.remove(location);

    await assert.rejects(read(storage, location));
  });
}
