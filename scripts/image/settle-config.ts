import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  config: { digest: string; size: number };
}

interface ImageConfig {
  config: { Hostname?: string; Image?: string; Labels?: Record<string, string> };
  history: { comment?: string }[];
  [member: string]: unknown;
}

/** Takes what is different at each build out of the configuration of an image, in a folder of `buildah push dir:`: the
 * container it was built in, its host name, drafts it was built on, the version of buildah. */
export function settleConfig(folder: string): void {
  const manifestFile = join(folder, 'manifest.json');
  const manifest = readJson<Manifest>(manifestFile);
  const configFile = (digest: string) => join(folder, digest.replace(/^sha256:/, ''));
  const draft = configFile(manifest.config.digest);
  const { container, container_config, parent, ...config } = readJson<ImageConfig>(draft);
  delete config.config.Hostname;
  delete config.config.Image;
  delete config.config.Labels?.['io.buildah.version'];
  for (const step of config.history) delete step.comment;
  const bytes = Buffer.from(JSON.stringify(config));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  rmSync(draft);
  writeFileSync(configFile(digest), bytes);
  manifest.config = { ...manifest.config, digest, size: bytes.length };
  writeFileSync(manifestFile, JSON.stringify(manifest));
}

const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
