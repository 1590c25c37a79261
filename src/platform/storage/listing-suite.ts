/** What every storage driver must do: the part about what is in the store. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { finish, store, write, type Check } from './basics-suite.ts';
import { BEGINNING, SHARDS, type BlobStorage, type StoredBytes } from './adapter.ts';

/** All that is listed of a location's writer. */
async function listOf(storage: BlobStorage, location: string): Promise<StoredBytes[]> {
  const found: StoredBytes[] = [];
  for await (const stored of storage.list(location.slice(0, 2))) {
    if (location.startsWith(stored.writer)) found.push(stored);
  }
  return found;
}

export function checkListing(check: Check): void {
  checkList(check);
  checkHolds(check);
}

function checkList(check: Check): void {
  check('what is stored is listed in its shard, with its size and time', async (storage) => {
    const began = Date.now();
    const whole = storage.newLocation();
    await storage.writeWhole(whole, randomBytes(77));
    const sizes = [0, 1000, 9_000_000];
    const finished = await Promise.all(sizes.map((size) => store(storage, randomBytes(size))));

    const wanted = [{ location: whole, sizeBytes: 77 }, ...finished];
    for (const { location, sizeBytes } of wanted) {
      const [stored, ...others] = await listOf(storage, location);
      assert.deepEqual(others, []);
      assert.equal(stored!.location, location);
      assert.equal(stored!.sizeBytes, sizeBytes);
      assert.equal(stored!.isFinished, true);
      // Stores that keep whole seconds cut them off.
      assert.ok(Math.abs(stored!.changedAt.getTime() - began) < 60_000, String(stored!.changedAt));
    }
  });

  check('each shard lists what is in it, and nothing else', async (storage) => {
    const locations = Array.from({ length: 300 }, () => storage.newLocation());
    await Promise.all(locations.map((location) => storage.writeWhole(location, Buffer.from('x'))));

    const listed: string[] = [];
    for (const shard of SHARDS) {
      for await (const { location } of storage.list(shard)) {
        assert.ok(location.startsWith(`${shard}/`));
        listed.push(location);
      }
    }

    assert.deepEqual(listed.toSorted(), locations.toSorted());
  });

  check("what an upload has so far is listed as its writer's", async (storage) => {
    for (const size of [1000, 9_000_000, 8_388_608]) {
      const location = storage.newLocation();
      await write(storage, location, BEGINNING, randomBytes(size));

      const listed = await listOf(storage, location);

      assert.ok(listed.length > 0);
      for (const { writer } of listed) assert.equal(writer, location);
    }
  });

  check('what is listed can be removed by itself', async (storage) => {
    const location = storage.newLocation();
    const { location: small } = await finish(storage, location, BEGINNING, Buffer.from('small'));
    // Of a writer whose end nobody recorded.
    await finish(storage, location, BEGINNING, randomBytes(9_000_000)).catch(() => {});
    await write(storage, location, BEGINNING, randomBytes(9_000_000));
    const others = (await listOf(storage, location)).filter((stored) => stored.location !== small);

    for (const { removal } of others) await storage.remove(removal!);

    const left = await listOf(storage, location);
    assert.deepEqual(
      left.map((stored) => stored.location),
      small === location ? left.map(() => location) : [small],
    );
    for (const { removal } of left) await storage.remove(removal!);
    assert.deepEqual(await listOf(storage, location), []);
  });
}

function checkHolds(check: Check): void {
  check('whether a writer can go on is known before it is opened', async (storage, open) => {
    for (const size of [0, 6, 8_388_608, 9_000_000, 18_000_000]) {
      const location = storage.newLocation();
      const checkpoint = await write(storage, location, BEGINNING, randomBytes(size));
      const before = await open().holds(location, checkpoint);
      await storage.remove(location);

      assert.equal(before, true);
      assert.equal(await open().holds(location, checkpoint), size === 0, String(size));
    }
  });

  check('an upload whose end nobody recorded can be gone on with', async (storage, open) => {
    for (const size of [6, 9_000_000]) {
      const location = storage.newLocation();
      const checkpoint = await write(storage, location, BEGINNING, randomBytes(size));
      await finish(storage, location, checkpoint);

      assert.equal(await open().holds(location, checkpoint), true);
    }
  });
}
