import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Hasher } from './byte-hash.ts';
import type { ToHashThread } from './hash-messages.ts';

const MIB = 1024 * 1024;

const cut = (bytes: Buffer, sizeBytes: number) =>
  Array.from({ length: Math.ceil(bytes.length / sizeBytes) }, (_, n) =>
    bytes.subarray(n * sizeBytes, (n + 1) * sizeBytes),
  );

test('bytes have the same digest however many they are and however they are cut', async () => {
  const hasher = new Hasher();
  const rows: [bytes: number, chunk: number][] = [
    [0, 1],
    [1, 1],
    [5000, 1],
    [300_000, 65_536],
    [512 * 1024, 512 * 1024],
    [3 * MIB + 1, 65_536],
    [20 * MIB + 7, 3 * MIB],
  ];

  for (const [sizeBytes, chunkBytes] of rows) {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      const bytes = randomBytes(sizeBytes);
      const hash = hasher.begin(algorithm);
      for (const chunk of cut(bytes, chunkBytes)) await hash.update(chunk);

      const expected = createHash(algorithm).update(bytes).digest('hex');
      assert.equal((await hash.digest()).toString('hex'), expected, `${sizeBytes} bytes`);
    }
  }
});

test('many hashes at once do not mix', async () => {
  const hasher = new Hasher();

  await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const bytes = randomBytes(n * 100_000);
      const hash = hasher.begin('sha256');
      for (const chunk of cut(bytes, 70_000)) await hash.update(chunk);
      assert.deepEqual(await hash.digest(), createHash('sha256').update(bytes).digest());
    }),
  );
});

for (const sizeBytes of [1000, 2 * MIB + 1]) {
  test(`a copy of a hash over ${sizeBytes} bytes goes its own way, and so does the first`, async () => {
    const [bytes, first, second] = [sizeBytes, MIB, 10].map((size) => randomBytes(size));
    const hash = new Hasher().begin('sha256');
    await hash.update(bytes!);
    await hash.settle();
    const copy = hash.copy();

    await hash.update(first!);
    await copy.update(second!);

    const digestOf = (...parts: Buffer[]) =>
      createHash('sha256').update(Buffer.concat(parts)).digest();
    assert.deepEqual(await hash.digest(), digestOf(bytes!, first!));
    assert.deepEqual(await copy.digest(), digestOf(bytes!, second!));
  });
}

test('a settled hash does not look at the memory of its chunks again', async () => {
  for (const sizeBytes of [1000, 700_000]) {
    const bytes = randomBytes(sizeBytes);
    const expected = createHash('sha256').update(bytes).digest();
    const hash = new Hasher().begin('sha256');
    await hash.update(bytes);
    await hash.settle();

    bytes.fill(0);

    assert.deepEqual(await hash.digest(), expected);
  }
});

test('when the thread ends, what it had fails, and the next hash has a new one', async (t) => {
  const threads = new Set<Worker>();
  const { postMessage } = Worker.prototype;
  t.mock.method(Worker.prototype, 'postMessage', function (this: Worker, ...args: [ToHashThread]) {
    // Threads of other tests are told to forget whenever the garbage collector finds a hash.
    if (args[0].type === 'update') threads.add(this);
    postMessage.apply(this, args);
  });
  const hasher = new Hasher();
  const bytes = randomBytes(2 * MIB);
  const lost = hasher.begin('sha256');
  await lost.update(bytes);

  for (const thread of threads) await thread.terminate();
  const next = hasher.begin('sha256');
  await next.update(bytes);

  await assert.rejects(lost.digest(), /the thread that hashes ended/);
  assert.deepEqual(await next.digest(), createHash('sha256').update(bytes).digest());
  assert.equal(threads.size, 2);
});
