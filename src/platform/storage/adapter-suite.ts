/** What every storage driver must do. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';

import { BEGINNING, type BlobStorage, type ByteRange, type FinishedBytes } from './adapter.ts';
import { checkListing } from './listing-suite.ts';
import { finish, store, write, type Check, type OpenStorage } from './basics-suite.ts';
import { readAll } from './read-all.ts';

interface SuiteOptions {
  begin: (t: TestContext) => Promise<OpenStorage>;
  /** Options of each test. */
  test?: { skip: string | false };
}

export function testStorage(
  name: string,
  { begin, test: options = { skip: false } }: SuiteOptions,
): void {
  const check: Check = (claim, run) => {
    test(`${name}: ${claim}`, options, async (t) => {
      const open = await begin(t);
      const storage = open();
      await storage.prepare();
      await run(storage, open);
    });
  };

  checkWriting(check);
  checkContinuing(check);
  checkRepeating(check);
  checkWhole(check);
  checkReading(check);
  checkKeeping(check);
  checkReplacing(check);
  checkListing(check);
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
    const bytes = randomBytes(25_000_000);
    const cuts = [0, 1, 2, 1000, 1_100_000, 1_100_001, 4_000_000, 21_000_000, bytes.length];
    const chunks = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));

    const { location, sizeBytes } = await store(storage, ...chunks);

    assert.equal(sizeBytes, bytes.length);
    assert.ok((await read(storage, location)).equals(bytes));
    assert.ok((await storage.readWhole(location)).equals(bytes));
  });

  check('many tiny chunks come out in order', async (storage) => {
    const bytes = randomBytes(5000);

    const { location } = await store(storage, ...Array.from(bytes, (byte) => Buffer.of(byte)));

    assert.ok((await read(storage, location)).equals(bytes));
  });

  check('a writer that adds nothing makes an empty location', async (storage) => {
    const { location, sizeBytes } = await store(storage);

    assert.equal(sizeBytes, 0);
    assert.equal((await read(storage, location)).length, 0);
  });

  check('a writer may sync, and go on', async (storage) => {
    const bytes = randomBytes(20_000_000);
    const writer = await storage.openWriter(storage.newLocation(), BEGINNING);

    for (let start = 0; start < bytes.length; start += 3_000_000) {
      await writer.write(bytes.subarray(start, start + 3_000_000));
      const { sizeBytes } = await writer.sync();
      assert.equal(sizeBytes, Math.min(bytes.length, start + 3_000_000));
    }
    const { location } = await writer.finish();
    await writer.close();

    assert.ok((await read(storage, location)).equals(bytes));
  });
}

function checkContinuing(check: Check): void {
  for (const [first, second] of [
    [4, 6],
    [3_000_000, 4_000_000],
    [8_388_608, 8_388_608],
    [20_000_000, 1],
    [11_000_000, 9_000_000],
  ] as const) {
    check(`${second} bytes from another process go behind ${first}`, async (storage, open) => {
      const bytes = randomBytes(first + second);
      const location = storage.newLocation();
      const checkpoint = await write(storage, location, BEGINNING, bytes.subarray(0, first));

      const finished = await finish(open(), location, checkpoint, bytes.subarray(first));

      assert.equal(finished.sizeBytes, bytes.length);
      assert.ok((await read(open(), finished.location)).equals(bytes));
    });
  }

  check(
    'what was synced is finished by another process that adds nothing',
    async (storage, open) => {
      for (const size of [6, 5_000_000, 18_000_000]) {
        const bytes = randomBytes(size);
        const location = storage.newLocation();
        const checkpoint = await write(storage, location, BEGINNING, bytes);

        const finished = await finish(open(), location, checkpoint);

        assert.ok((await read(open(), finished.location)).equals(bytes));
        assert.equal(finished.isCertain, true);
      }
    },
  );

  check('many writers, one after the other, add small chunks', async (storage, open) => {
    const bytes = randomBytes(12_000_000);
    const location = storage.newLocation();
    let checkpoint = BEGINNING;

    for (let start = 0; start < bytes.length; start += 1_500_000) {
      const chunk = bytes.subarray(start, start + 1_500_000);
      checkpoint = await write(open(), location, checkpoint, chunk);
    }
    const { location: end } = await finish(open(), location, checkpoint);

    assert.ok((await read(storage, end)).equals(bytes));
  });
}

function checkRepeating(check: Check): void {
  check('a writer goes on behind a checkpoint and drops what lies beyond', async (storage) => {
    for (const size of [4, 9_000_000]) {
      const location = storage.newLocation();
      const start = randomBytes(size);
      const checkpoint = await write(storage, location, BEGINNING, start);
      await write(storage, location, checkpoint, randomBytes(10_000_000));

      const { location: end } = await finish(storage, location, checkpoint, Buffer.from('ab'));

      const expected = Buffer.concat([start, Buffer.from('ab')]);
      assert.ok((await read(storage, end)).equals(expected));
    }
  });

  check('a writer is refused where fewer bytes are than its checkpoint says', async (storage) => {
    const location = storage.newLocation();
    const { state } = await write(storage, location, BEGINNING, Buffer.from('0123'));

    await assert.rejects(storage.openWriter(location, { sizeBytes: 9_000_000, state }));
    await assert.rejects(storage.openWriter(storage.newLocation(), { sizeBytes: 1, state: null }));
  });

  check('bytes whose end nobody recorded are finished again', async (storage, open) => {
    for (const size of [6, 18_000_000]) {
      const bytes = randomBytes(size);
      const location = storage.newLocation();
      const checkpoint = await write(storage, location, BEGINNING, bytes);
      await finish(storage, location, checkpoint);

      const finished = await finish(open(), location, checkpoint);

      assert.ok((await read(open(), finished.location)).equals(bytes));
    }
  });
}

function checkWhole(check: Check): void {
  check(
    'small blobs written whole can be read, many at once, by another process too',
    async (storage, open) => {
      const blobs = Array.from({ length: 50 }, (_, number) => ({
        location: storage.newLocation(),
        bytes: randomBytes(1 + number * 5000),
      }));

      await Promise.all(blobs.map(({ location, bytes }) => storage.writeWhole(location, bytes)));

      for (const { location, bytes } of blobs) {
        assert.ok((await open().readWhole(location)).equals(bytes));
      }
    },
  );
}

function checkReading(check: Check): void {
  check('a range is exactly those bytes', async (storage) => {
    const bytes = randomBytes(700_000);
    const { location } = await store(storage, bytes);
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
    const { location } = await store(storage, Buffer.from('0123'));

    await assert.rejects(storage.openReader(storage.newLocation(), { start: 0, end: 0 }));
    await assert.rejects(storage.readWhole(storage.newLocation()));
    await assert.rejects(storage.openReader(location, { start: 0, end: 4 }));
    await assert.rejects(storage.openReader(location, { start: 9, end: 10 }));
  });

  check('the size of what is there is known without reading it', async (storage) => {
    for (const size of [0, 4, 9_000_000]) {
      const { location } = await store(storage, randomBytes(size));
      assert.equal(await storage.findSize(location), size);
    }
    assert.equal(await storage.findSize(storage.newLocation()), undefined);
  });

  check('a reader that is not read to its end can be given up', async (storage) => {
    const { location } = await store(storage, randomBytes(2_000_000));

    const reader = await storage.openReader(location, { start: 0, end: 1_999_999 });
    assert.ok((await reader.next()).byteLength > 0);
    await reader.close();

    assert.equal((await read(storage, location)).length, 2_000_000);
  });
}

function checkKeeping(check: Check): void {
  check('it can be prepared again, by several processes at once', async (storage, open) => {
    const { location } = await store(storage, Buffer.from('kept'));

    await Promise.all([open().prepare(), open().prepare(), open().prepare()]);

    assert.equal((await read(open(), location)).toString(), 'kept');
    assert.equal(await storage.isHealthy(), true);
  });

  check('locations differ and hold no path to elsewhere', async (storage) => {
    const locations = Array.from({ length: 1000 }, () => storage.newLocation());

    assert.equal(new Set(locations).size, 1000);
    for (const wrong of ['', '../x', '/etc/passwd', '00/../../x', 'ab/..', '00']) {
      await assert.rejects(storage.openReader(wrong, { start: 0, end: 0 }), wrong);
      await assert.rejects(storage.readWhole(wrong), wrong);
      await assert.rejects(storage.findSize(wrong), wrong);
      await assert.rejects(storage.openWriter(wrong, BEGINNING), wrong);
      await assert.rejects(storage.remove(wrong), wrong);
    }
  });
}

function checkReplacing(check: Check): void {
  check('a prefix, where it can be copied, lives on its own', async (storage) => {
    const bytes = randomBytes(300_000);
    const [from, to, empty] = [0, 1, 2].map(() => storage.newLocation()) as [
      string,
      string,
      string,
    ];
    await write(storage, from, BEGINNING, bytes);
    if (storage.copyPrefix === undefined) return;

    await storage.copyPrefix(from, to, 200_000);
    await storage.copyPrefix(from, empty, 0);
    await storage.remove(from);

    assert.ok((await read(storage, to)).equals(bytes.subarray(0, 200_000)));
    assert.equal((await read(storage, empty)).length, 0);
    await assert.rejects(storage.copyPrefix(to, storage.newLocation(), 200_001));
    await assert.rejects(storage.copyPrefix(from, storage.newLocation(), 1));
  });

  check('where no prefix can be copied, a late writer spoils no bytes', async (storage, open) => {
    if (storage.copyPrefix !== undefined) return;
    for (const size of [4, 9_000_000]) {
      const location = storage.newLocation();
      const bytes = randomBytes(size + 17_000_000);
      const checkpoint = await write(storage, location, BEGINNING, bytes.subarray(0, size));
      const late = await open().openWriter(location, checkpoint);
      await late.write(randomBytes(9_000_000));

      const next = await write(storage, location, checkpoint, bytes.subarray(size));
      await late.write(randomBytes(9_000_000));
      await late.sync();
      await late.close();
      const outcome = await finish(open(), location, next).catch((error: unknown) => error);

      // Refused, or whole: never other bytes.
      if (outcome instanceof Error) assert.equal((outcome as { status?: number }).status, 404);
      else assert.ok((await read(storage, (outcome as FinishedBytes).location)).equals(bytes));
    }
  });

  check('what is removed is gone, and removing it again is no error', async (storage) => {
    const { location } = await store(storage, Buffer.from('a layer'));

    await storage.remove(location);
    await storage.remove(location);

    await assert.rejects(read(storage, location));
  });

  check('an upload that is removed unfinished can not be gone on with', async (storage) => {
    const location = storage.newLocation();
    const checkpoint = await write(storage, location, BEGINNING, randomBytes(9_000_000));

    await storage.remove(location);

    await assert.rejects(finish(storage, location, checkpoint, Buffer.from('more')));
  });
}
