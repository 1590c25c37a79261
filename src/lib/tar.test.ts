import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, linkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { readTar, TarError } from './tar.ts';

async function* inChunks(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const MOST = 10 * 1024 * 1024;

async function listAll(bytes: Buffer, chunk = 1000): Promise<[name: string, content: string][]> {
  const found: [string, string][] = [];
  for await (const entry of readTar(inChunks(bytes, chunk), MOST)) {
    found.push([entry.name, entry.isFile ? (await entry.read(1024)).toString() : '']);
  }
  return found;
}

const LONG = `${'directory/'.repeat(12)}${'name'.repeat(30)}.txt`;

test('archives of every format are read, in whatever pieces they come', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'roadstead-tar-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'directory/'.repeat(12)), { recursive: true });
  writeFileSync(join(folder, 'a.txt'), 'first');
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'block'), 'x'.repeat(512));
  writeFileSync(join(folder, LONG), 'long');
  symlinkSync('a.txt', join(folder, 'link'));
  linkSync(join(folder, 'a.txt'), join(folder, 'same'));

  for (const format of ['gnu', 'pax', 'ustar']) {
    const names = [
      'a.txt',
      'empty',
      'link',
      'block',
      'same',
      ...(format === 'ustar' ? [] : [LONG]),
    ];
    const bytes = execFileSync('tar', ['-c', `--format=${format}`, '-C', folder, ...names]);
    const contents: Record<string, string> = {
      'a.txt': 'first',
      block: 'x'.repeat(512),
      [LONG]: 'long',
    };

    for (const chunk of [1, 511, 512, 10_000]) {
      const found = await listAll(bytes, chunk);
      const wanted = names.map((name) => [name, contents[name] ?? '']);
      assert.deepEqual(found, wanted, `${format} ${chunk}`);
    }
  }
});

function header(name: string, size: string, type = '0'): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(size, 124);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const END = Buffer.alloc(1024);

test('an archive that is none, ends too early or is too long is refused', async () => {
  const whole = Buffer.concat([header('a', '5'), Buffer.from('12345'), Buffer.alloc(507), END]);
  const rows: [what: string, bytes: Buffer, says: RegExp][] = [
    ['no archive', Buffer.alloc(2048, 'x'), /no tar archive/],
    ['a wrong sum', Buffer.concat([header('a', '0').fill('b', 0, 1), END]), /no tar archive/],
    ['a size in binary', Buffer.concat([header('a', '\x80\0\0\0'), END]), /no tar archive/],
    ['a size below zero', Buffer.concat([header('a', '-1'), END]), /no tar archive/],
    ['half a header', whole.subarray(0, 300), /ends too early/],
    ['half a file', whole.subarray(0, 514), /ends too early/],
    ['a file that is not there', whole.subarray(0, 512), /ends too early/],
    ['a large file', Buffer.concat([header('a', '77777'), Buffer.alloc(40_960)]), /more than 1024/],
    ['a long name', Buffer.concat([header('a', '777777', 'L'), END]), /more than 65536/],
    [
      'too much of it',
      Buffer.concat([header('a', '77777777777'), Buffer.alloc(MOST)]),
      /more than/,
    ],
  ];

  assert.deepEqual(await listAll(whole), [['a', '12345']]);
  for (const [what, bytes, says] of rows) {
    await assert.rejects(
      listAll(bytes),
      (error) => error instanceof TarError && says.test(error.message),
      what,
    );
  }
});

test('what is skipped is read over, and an end without padding is an end', async () => {
  const bytes = Buffer.concat([
    header('skipped', '1777'),
    Buffer.alloc(1024),
    header('last', '3'),
    Buffer.from('end'),
  ]);
  const names: string[] = [];

  for await (const { name } of readTar(inChunks(bytes, 700), MOST)) names.push(name);

  assert.deepEqual(names, ['skipped', 'last']);
  assert.deepEqual(await listAll(Buffer.alloc(0)), []);
  assert.deepEqual(await listAll(END), []);
});
