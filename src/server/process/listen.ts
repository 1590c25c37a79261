import type { AddressInfo } from 'node:net';

import type { Config } from '../../platform/config/index.ts';
import type { App } from '../../platform/http/routes.ts';
import type { Log } from '../../platform/log/index.ts';

/** Listens where the configuration says and answers the port. Where a machine has no IPv6, `::` means every IPv4 address. */
export async function listen(app: App, { host, port }: Config, log: Log): Promise<number> {
  const listenTextResolver = () => 'listening';
  try {
    await app.listen({ host, port, listenTextResolver });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (host === '::' && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL')) {
      log.warn({ code }, 'no ipv6 here, listening on ipv4');
      await app.listen({ host: '0.0.0.0', port, listenTextResolver });
    } else {
      throw explain(cause as NodeJS.ErrnoException, host, port);
    }
  }
  return (app.server.address() as AddressInfo).port;
}

function explain(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const place = `port ${port} of ${host}`;
  switch (cause.code) {
    case 'EADDRINUSE':
      return new Error(`${place} is in use by another program; choose one with ROADSTEAD_PORT`, {
        cause,
      });
    case 'EACCES':
      return new Error(
        `${place} may not be used by this user; choose one above 1023 with ROADSTEAD_PORT`,
        { cause },
      );
    default:
      return new Error(`cannot listen on ${place}: ${cause.message}`, { cause });
  }
}
