import { readFile, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createSecureContext, type Server as TlsServer } from 'node:tls';

import type { Config } from '../../platform/config/index.ts';
import type { Log } from '../../platform/log/index.ts';
import type { AppOptions } from '../app.ts';

const LOOK_MS = 2000;

/** Certificate and key, if HTTPS is configured. Throws when they can't be used together. */
export async function readTls(tls: Config['tls']): Promise<AppOptions['tls'] | undefined> {
  const { certificate_file, key_file, http2 } = tls;
  if (certificate_file === undefined || key_file === undefined) return undefined;
  const [cert, key] = await Promise.all([readFile(certificate_file), readFile(key_file)]);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new Error(
      `${certificate_file} and ${key_file} are not a certificate and its key in PEM: ${(cause as Error).message}`,
      { cause },
    );
  }
  return { cert, key, http2, minVersion: 'TLSv1.2' };
}

/** Uses a renewed certificate for new connections, without a restart. A broken one is reported and not used. */
export function reloadTls(server: Server, tls: Config['tls'], log: Log): NodeJS.Timeout {
  let seen: string | undefined;
  const look = async () => {
    const stamp = await stampOf(tls);
    const isChanged = seen !== undefined && stamp !== seen;
    // Now, so that a broken pair is reported once, and looked at again when one of its files changes.
    seen = stamp;
    if (!isChanged) return;
    const { cert, key, minVersion } = (await readTls(tls))!;
    (server as unknown as TlsServer).setSecureContext({
      cert: cert!,
      key: key!,
      minVersion: minVersion!,
    });
    log.info('certificate reloaded');
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => log.error({ err: error }, 'certificate not reloaded'));
  }, LOOK_MS);
  look().catch(() => {});
  return timer.unref();
}

async function stampOf({ certificate_file, key_file }: Config['tls']): Promise<string> {
  const stats = await Promise.all([stat(certificate_file!), stat(key_file!)]);
  return stats.map(({ mtimeMs, ino, size }) => `${mtimeMs}/${ino}/${size}`).join(' ');
}
