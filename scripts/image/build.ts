/** `npm run image`: builds the image of deploy/Dockerfile with buildah, or else with docker.
 *
 *   npm run image -- [--tag NAME] [--base IMAGE] [--output FILE]
 *
 * With buildah the same commit on the same base gives the same digest; docker writes the time of the build into it.
 * The time of everything in the image is SOURCE_DATE_EPOCH, or else that of the commit. --output writes an archive
 * that `docker load` and `podman load` read. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { findOnPath } from '../clients/catalogue.ts';
import { settleConfig } from './settle-config.ts';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};
const { values: options } = parseArgs({
  options: {
    tag: { type: 'string', default: `localhost/roadstead:${version}` },
    base: { type: 'string' },
    output: { type: 'string' },
  },
});

const work = mkdtempSync(join(tmpdir(), 'roadstead-image-'));
try {
  run(process.execPath, join(import.meta.dirname, 'stage.ts'), join(work, 'files'));
  if (findOnPath('buildah') !== undefined) buildWithBuildah();
  else if (findOnPath('docker') !== undefined) buildWithDocker();
  else throw new Error('neither buildah nor docker is installed; one of them builds the image');
} finally {
  rmSync(work, { recursive: true, force: true });
}

function buildWithBuildah(): void {
  const time =
    process.env.SOURCE_DATE_EPOCH ?? read('git', '-C', root, 'log', '-1', '--format=%ct');
  const built = join(work, 'built');
  const idFile = join(work, 'id');
  // docker's format, since that of OCI has no place for a health check.
  const format = ['--format', 'docker', '--timestamp', time, '--layers=false'];
  run('buildah', 'build', ...format, '--iidfile', idFile, ...describeBuild());
  const draft = readFileSync(idFile, 'utf8').trim();
  run('buildah', 'push', '--quiet', draft, `dir:${built}`);
  run('buildah', 'rmi', draft);
  settleConfig(built);
  const id = read('buildah', 'pull', '--quiet', `dir:${built}`);
  run('buildah', 'tag', id, options.tag);
  if (options.output !== undefined) save('buildah', 'push', '--quiet', id);
  console.log(`${options.tag} is sha256:${id}`);
}

function buildWithDocker(): void {
  run('docker', 'build', '--tag', options.tag, ...describeBuild());
  if (options.output !== undefined) run('docker', 'save', '--output', options.output, options.tag);
}

/** The last argument is the folder whose files go into the image. */
function describeBuild(): string[] {
  const revision = read('git', '-C', root, 'rev-parse', 'HEAD');
  const labels = { title: 'Roadstead', version, revision, licenses: 'Apache-2.0' };
  return [
    ...Object.entries(labels).flatMap(([name, value]) => [
      '--label',
      `org.opencontainers.image.${name}=${value}`,
    ]),
    ...(options.base === undefined ? [] : ['--build-arg', `BASE=${options.base}`]),
    '--file',
    join(root, 'deploy/Dockerfile'),
    '--target',
    'prepared',
    join(work, 'files'),
  ];
}

function save(...command: [string, ...string[]]): void {
  rmSync(options.output!, { force: true }); // buildah adds to an archive that is there
  run(...command, `docker-archive:${options.output}:${options.tag}`);
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

function read(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' }).trim();
}
