import { networkInterfaces } from 'node:os';

import type { RunningServer } from '../server/process/primary.ts';

type Shown = Pick<RunningServer, 'config' | 'port' | 'firstPassword'>;

const ANY = ['::', '0.0.0.0'];
const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

/** What a person types next. */
export function welcome({ config, port, firstPassword }: Shown, seconds: number): string {
  const isTls = config.tls.certificate_file !== undefined;
  const local = `${localHost(config.host)}:${port}`;
  const address = config.external_url?.replace(/^https?:\/\/|\/$/g, '') ?? local;
  const lines = [
    '',
    `Roadstead is ready (${seconds.toFixed(1)} s): ${config.external_url ?? `${isTls ? 'https' : 'http'}://${local}`}`,
    `  Data: ${config.data}`,
    ...passwordLines(firstPassword),
    '',
    '  Push an image:',
    `    docker login ${address} --username admin`,
    `    docker tag IMAGE ${address}/library/IMAGE`,
    `    docker push ${address}/library/IMAGE`,
  ];
  if (!isTls && config.external_url?.startsWith('https:') !== true) {
    lines.push(...plainHttpLines(config.host, port));
  }
  return [...lines, ''].join('\n');
}

function localHost(host: string): string {
  return ANY.includes(host) || host === '127.0.0.1' ? 'localhost' : bracket(host);
}

const bracket = (host: string) => (host.includes(':') ? `[${host}]` : host);

function passwordLines(firstPassword: RunningServer['firstPassword']): string[] {
  if (firstPassword?.generated === undefined) return [];
  const { password, file } = firstPassword.generated;
  return [`  User admin, password ${password} (shown only now; also in ${file})`];
}

/** Clients trust plain HTTP only on the loopback interface. */
function plainHttpLines(host: string, port: number): string[] {
  if (LOOPBACK.includes(host)) return [];
  const own = ANY.includes(host) ? findAddress() : host;
  const address = `${bracket(own ?? 'THIS-HOST')}:${port}`;
  return [
    '',
    '  Warning: this is plain HTTP, passwords travel unencrypted. For HTTPS set ROADSTEAD_TLS_CERTIFICATE_FILE',
    '  and ROADSTEAD_TLS_KEY_FILE (docs/https.md). Until then another host has to allow it:',
    `    docker:  "insecure-registries": ["${address}"] in /etc/docker/daemon.json, then restart docker`,
    `    podman:  podman login --tls-verify=false ${address}`,
  ];
}

function findAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}
