import { hash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The clients we hold ourselves to, an S3 store, and where each comes from. The quick ones run at each change;
 * the full set takes long Go builds. */
export interface Client {
  name: string;
  set: 'quick' | 'full';
  source:
    | { kind: 'debian'; package: string; command: string }
    | { kind: 'go'; module: string; version: string }
    | { kind: 'python'; package: string; version: string }
    /** A program of our own around a library. */
    | { kind: 'go-program'; folder: string };
  /** Mounts or namespaces: the client only works for root. */
  needsRoot?: boolean;
}

const debian = (name: string, package_: string, needsRoot = false): Client => ({
  name,
  set: 'quick',
  source: { kind: 'debian', package: package_, command: name },
  needsRoot,
});

const python = (name: string, version: string): Client => ({
  name,
  set: 'quick',
  source: { kind: 'python', package: name, version },
});

const go = (name: string, set: Client['set'], module: string, version: string): Client => ({
  name,
  set,
  source: { kind: 'go', module, version },
});

export const clients: readonly Client[] = [
  debian('curl', 'curl'),
  debian('debootstrap', 'debootstrap', true),
  debian('docker', 'docker.io', true),
  debian('dockerd', 'docker.io', true),
  debian('skopeo', 'skopeo'),
  debian('podman', 'podman', true),
  debian('buildah', 'buildah', true),
  debian('containerd', 'containerd', true),
  debian('ctr', 'containerd', true),
  { ...debian('docker-compose', 'docker-compose', true), set: 'full' },
  go('crane', 'quick', 'github.com/google/go-containerregistry/cmd/crane', 'v0.22.1'),
  go('regctl', 'quick', 'github.com/regclient/regclient/cmd/regctl', 'v0.11.7'),
  python('oras', '0.2.43'),
  python('harborapi', '0.26.2'),
  go('versitygw', 'quick', 'github.com/versity/versitygw/cmd/versitygw', 'v1.8.0'),
  go('helm3', 'full', 'helm.sh/helm/v3/cmd/helm', 'v3.22.0'),
  go('helm4', 'full', 'helm.sh/helm/v4/cmd/helm', 'v4.3.1'),
  {
    name: 'harbor-go-client',
    set: 'full',
    source: { kind: 'go-program', folder: 'test/clients/support/go-client' },
  },
  go('cosign2', 'full', 'github.com/sigstore/cosign/v2/cmd/cosign', 'v2.6.5'),
  go('cosign3', 'full', 'github.com/sigstore/cosign/v3/cmd/cosign', 'v3.1.3'),
];

export const root = join(import.meta.dirname, '../..');
export const cache = join(root, '.cache');
export const binFolder = join(cache, 'bin');
export const pythonFolder = join(cache, 'python');
export const imageFolder = join(cache, 'image');

/** What a built or downloaded client's stamp must say for it to be the one we want. */
export function stampOf({ source }: Client): string {
  if (source.kind === 'go') return `${source.module}@${source.version}`;
  if (source.kind === 'python') return `${source.package}==${source.version}`;
  if (source.kind === 'debian') return source.package;
  const files = ['main.go', 'go.sum'].map((name) => join(root, source.folder, name));
  return `${source.folder} ${hash('sha256', files.map((file) => readFileSync(file, 'utf8')).join(''))}`;
}

export const stampFile = (client: Client): string => join(cache, 'stamps', client.name);

/** The path of a client's command (for a Python library: of the interpreter that has it), or
 * undefined when it isn't installed. */
export function findClient(client: Client): string | undefined {
  const { source } = client;
  if (source.kind === 'debian') return findOnPath(source.command);
  const file = stampFile(client);
  if (!existsSync(file) || readFileSync(file, 'utf8') !== stampOf(client)) return undefined;
  const command =
    source.kind === 'python' ? join(pythonFolder, 'bin/python') : join(binFolder, client.name);
  return existsSync(command) ? command : undefined;
}

export function findOnPath(command: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return [...folders, '/usr/local/sbin', '/usr/sbin', '/sbin']
    .map((folder) => join(folder, command))
    .find((path) => isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
