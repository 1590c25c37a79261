// Adds to package-lock.json the optional packages of other platforms that npm left out because the registry it
// asked does not carry them. Without these entries `npm ci` of npm 11.6 and later refuses the lock file
// (npm/cli issue 9846). They hold no hash: whoever locks on a registry that has them all gets full entries.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const systems = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'aix',
  'win32',
];
const processors = [
  'arm64',
  'arm',
  'x64',
  'ia32',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'mips64el',
  'wasm32',
];

const missing = {};
for (const [key, owner] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(owner.optionalDependencies ?? {})) {
    const isLocked = [`node_modules/${name}`, `${key}/node_modules/${name}`].some(
      (at) => at in lock.packages,
    );
    if (!isLocked && /^\d+\.\d+\.\d+[\w.+-]*$/.test(range)) {
      missing[`node_modules/${name}`] = placeholder(name, range, owner);
    }
  }
}

const order = (a, b) => a[0].localeCompare(b[0], 'en');
const { '': root, ...others } = { ...lock.packages, ...missing };
lock.packages = { '': root, ...Object.fromEntries(Object.entries(others).sort(order)) };
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${Object.keys(missing).length} entries added`);

/** What npm needs to see that the package is for another platform: it reads that from its name here. */
function placeholder(name, version, owner) {
  const words = name.split(/[/-]/);
  const cpu = processors.filter(
    (one) =>
      words.includes(one) || (one === 'arm' && words.some((word) => /^arm(v\d)?$/.test(word))),
  );
  const os = systems.filter((one) => words.includes(one));
  const libc = words.some((word) => word.startsWith('musl'))
    ? ['musl']
    : words.some((word) => word.startsWith('gnu'))
      ? ['glibc']
      : [];
  return {
    version,
    ...(cpu.length > 0 && { cpu }),
    ...(owner.dev && { dev: true }),
    ...(libc.length > 0 && { libc }),
    optional: true,
    ...(os.length > 0 && { os }),
  };
}
