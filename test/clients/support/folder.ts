import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { endWithTests } from './ending.ts';

export interface Folder {
  path: string;
  /** Settings with which a client finds and leaves nothing of the person who runs the tests. */
  env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

export async function makeFolder(): Promise<Folder> {
  const path = mkdtempSync(join(tmpdir(), 'roadstead-client-'));
  const env = { HOME: path, DOCKER_CONFIG: `${path}/.docker`, XDG_RUNTIME_DIR: path, TMPDIR: path };
  return { path, env, stop: endWithTests(async () => removeFolder(path)) };
}

/** Removes a folder in which containers' storage may have been mounted. */
function removeFolder(path: string): void {
  const mounted = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${path}/`));
  for (const point of mounted.toReversed()) execFileSync('umount', [point]);
  rmSync(path, { recursive: true, force: true });
}
