import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { findOnPath } from '../scripts/clients/catalogue.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('compose files and the page about them name the version that is built', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };

  for (const path of [
    'deploy/compose.yaml',
    'deploy/compose.external.yaml',
    'docs/installing.md',
  ]) {
    const named = read(path).match(/localhost\/roadstead:[\d.]+/g) ?? [];

    assert.ok(named.length > 0, path);
    assert.deepEqual([...new Set(named)], [`localhost/roadstead:${version}`], path);
  }
});

test('systemd understands the units, and finds them locked down', (t) => {
  const analyze = findOnPath('systemd-analyze');
  if (analyze === undefined) return t.skip('systemd-analyze is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'roadstead-unit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const units = ['roadstead.service', 'roadstead-backup.service', 'roadstead-backup.timer'];
  for (const name of units) {
    const text = read(`deploy/systemd/${name}`).replaceAll('/opt/roadstead', root);
    writeFileSync(join(folder, name), text);
  }
  const run = (unit: string, ...args: string[]) =>
    execFileSync(analyze, [...args, join(folder, unit)], { encoding: 'utf8', stdio: 'pipe' });

  for (const unit of units) {
    assert.equal(run(unit, 'verify', '--man=no'), '');
    if (unit.endsWith('.timer')) continue;
    // 0 is locked down, 10 is not at all; services that nobody hardened have 9.6.
    const exposure = run(unit, 'security', '--offline=true', '--threshold=20');
    assert.match(exposure, /exposure level .*: 1\.\d OK/);
  }
});
