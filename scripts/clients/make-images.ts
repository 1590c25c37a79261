import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { imageFolder } from './catalogue.ts';

/** A real image, as the archive docker loads and as an OCI layout: a Debian root file system, with
 * a layer that adds and a layer that removes files. */
export const debianArchive = join(imageFolder, 'debian.docker.tar');
export const debianLayout = join(imageFolder, 'debian.oci');
/** What `docker load` calls it. */
export const debianName = 'localhost/roadstead-test/debian:1';
/** A small image for two platforms: `list` is its index, `amd64` and `arm64` are its parts. */
export const smallLayout = join(imageFolder, 'small.oci');

/** Of a small Debian with what Node needs beyond it: a base for the image of Roadstead. */
export const rootFileSystem = join(imageFolder, 'debian-for-node.root.tar');

export const imagesAreMade = (): boolean =>
  [rootFileSystem, debianArchive, debianLayout, smallLayout].every((path) => existsSync(path));

/** Makes what is not there yet. Each result appears under its name only when it is whole. */
export function makeImages(): void {
  const work = mkdtempSync(join(tmpdir(), 'roadstead-images-'));
  const storage = ['--root', `${work}/root`, '--runroot', `${work}/run`, '--storage-driver', 'vfs'];
  const buildah = (...args: string[]) => run('buildah', ...storage, ...args);
  mkdirSync(imageFolder, { recursive: true });
  try {
    if (!existsSync(rootFileSystem)) makeRootFileSystem(work);
    console.log('making the images …');
    makeDebianImage(work, buildah);
    makeSmallImage(work, buildah);
  } finally {
    if (existsSync(`${work}/root`)) buildah('rm', '--all');
    rmSync(work, { recursive: true, force: true });
  }
}

function makeRootFileSystem(work: string): void {
  const { uri, codename } = debianSource();
  console.log(`making a root file system of Debian ${codename} …`);
  const folder = join(work, 'debian');
  run(
    'debootstrap',
    '--variant=minbase',
    '--include=libatomic1',
    codename,
    folder,
    ...(uri === '' ? [] : [uri]),
  );
  const downloads = ['./var/cache/apt/archives/*.deb', './var/lib/apt/lists/*'];
  const excluded = downloads.map((path) => `--exclude=${path}`);
  run('tar', '-C', folder, '--one-file-system', ...excluded, '-cf', `${work}/root.tar`, '.');
  move(`${work}/root.tar`, rootFileSystem);
}

/** The mirror this machine uses for Debian itself; without one, debootstrap's own. */
function debianSource(): { uri: string; codename: string } {
  const format = '$(REPO_URI) $(CODENAME) $(ORIGIN) $(COMPONENT)';
  const targets = run('apt-get', 'indextargets', '--format', format, 'Created-By: Packages');
  const rows = targets.split('\n').map((line) => line.split(' '));
  const main = rows.find((row) => /^[a-z]+$/.test(row[1] ?? '') && row[3] === 'main');
  return { uri: main?.[0] ?? '', codename: main?.[1] ?? 'stable' };
}

type Buildah = (...args: string[]) => string;

function makeDebianImage(work: string, buildah: Buildah): void {
  const base = buildah('from', 'scratch');
  buildah('add', base, rootFileSystem, '/');
  buildah('config', '--cmd', '/bin/bash', '--env', 'LANG=C.UTF-8', base);
  buildah('commit', base, 'base');

  const adding = buildah('from', 'base');
  writeFileSync(`${work}/hello`, '#!/bin/sh\necho hello from roadstead\n', { mode: 0o755 });
  buildah('copy', adding, `${work}/hello`, '/usr/local/bin/hello');
  buildah('commit', adding, 'added');

  const removing = buildah('from', 'added');
  const mounted = buildah('mount', removing);
  rmSync(join(mounted, 'usr/share/doc'), { recursive: true });
  buildah('umount', removing);
  buildah('config', '--label', 'org.opencontainers.image.title=debian', removing);
  buildah('commit', removing, 'debian');

  buildah('push', 'debian', `docker-archive:${work}/debian.tar:${debianName}`);
  buildah('push', 'debian', `oci:${work}/debian.oci:1`);
  move(`${work}/debian.tar`, debianArchive);
  move(`${work}/debian.oci`, debianLayout);
}

function makeSmallImage(work: string, buildah: Buildah): void {
  buildah('manifest', 'create', 'list');
  for (const architecture of ['amd64', 'arm64']) {
    const container = buildah('from', 'scratch');
    writeFileSync(`${work}/architecture`, `${architecture}\n`);
    buildah('copy', container, `${work}/architecture`, '/architecture');
    buildah('config', '--os', 'linux', '--arch', architecture, container);
    buildah('commit', container, architecture);
    buildah('push', architecture, `oci:${work}/small.oci:${architecture}`);
    buildah('manifest', 'add', '--arch', architecture, 'list', architecture);
  }
  buildah('manifest', 'push', '--all', 'list', `oci:${work}/small.oci:list`);
  move(`${work}/small.oci`, smallLayout);
}

/** The cache may be another file system than the temporary folder. */
function move(from: string, to: string): void {
  rmSync(`${to}.part`, { recursive: true, force: true });
  run('cp', '-a', from, `${to}.part`);
  rmSync(to, { recursive: true, force: true });
  renameSync(`${to}.part`, to);
}

function run(command: string, ...args: string[]): string {
  const path = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
  const options = { encoding: 'utf8', env: { ...process.env, PATH: path } } as const;
  return execFileSync(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
