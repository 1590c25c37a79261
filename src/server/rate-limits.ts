import type { FastifyReply, FastifyRequest } from 'fastify';

import { accountKey } from '../features/access/index.ts';
import { Refusal } from '../lib/errors.ts';
import { networkOf } from '../lib/network-of.ts';
import { RateLimit } from '../lib/rate-limit.ts';
import type { Config } from '../platform/config/index.ts';
import type { Metrics } from '../platform/metrics/index.ts';
import { meterBytes } from './meter-bytes.ts';

const CLIENTS = ['address', 'user'] as const;
const KINDS = ['requests', 'bytes'] as const;
type By = (typeof CLIENTS)[number];
type Kind = (typeof KINDS)[number];

/** What clients had since the last report: `user requests 7` and how many. */
export type Spending = Record<string, number>;

export interface RateLimits {
  /** Asked first of all; refuses with 429. From here on the request's bytes are counted. */
  admitAddress(request: FastifyRequest, reply: FastifyReply): void;
  /** Asked when it is known who comes; refuses with 429. */
  admitUser(request: FastifyRequest): void;
  /** What the other workers of this node let through. */
  add(spending: Spending): void;
}

/** Clients of each sort that a worker remembers: about 100 bytes each. */
const MAX_CLIENTS = 50_000;
/** What workers let through in this time they don't know of each other. */
const REPORT_MS = 100;

interface Options {
  config: Pick<Config, 'rate_limits'>;
  metrics: Pick<Metrics, 'requestsLimited'>;
  /** Tells the other workers of this node, so that a limit is one of the node. */
  report?: (spending: Spending) => void;
}

/** The limits that are configured; undefined when there are none, so that they cost nothing. */
export function createRateLimits({ config, metrics, report }: Options): RateLimits | undefined {
  const limits = openLimits(config.rate_limits);
  if (limits.size === 0) return undefined;
  const counts = [...limits.keys()].some((name) => name.endsWith('bytes'));
  const tell = report === undefined ? undefined : gather(report);

  function spend(by: By, kind: Kind, client: string, amount: number): void {
    const name = `${by} ${kind}`;
    const limit = limits.get(name);
    if (limit === undefined) return;
    limit.spend(client, amount, performance.now());
    tell?.(`${name} ${client}`, amount);
  }

  function admit(by: By, client: string): void {
    for (const kind of KINDS) {
      const waitMs = limits.get(`${by} ${kind}`)?.waitMs(client, performance.now()) ?? 0;
      if (waitMs === 0) continue;
      metrics.requestsLimited.inc({ by, kind });
      throw tooMany(by, kind, Math.ceil(waitMs / 1000));
    }
    spend(by, 'requests', client, 1);
  }

  return {
    admitAddress(request, reply) {
      const address = networkOf(request.address);
      admit('address', address);
      if (!counts) return;
      meterBytes(request, reply, (bytes) => {
        const account = accountKey(request.caller);
        spend('address', 'bytes', address, bytes);
        if (account !== undefined) spend('user', 'bytes', account, bytes);
      });
    },

    admitUser({ caller }) {
      const account = accountKey(caller);
      if (account !== undefined) admit('user', account);
    },

    add(spending) {
      const now = performance.now();
      for (const [key, amount] of Object.entries(spending)) {
        const [by, kind, client] = key.split(' ') as [By, Kind, string];
        limits.get(`${by} ${kind}`)?.spend(client, amount, now);
      }
    },
  };
}

function openLimits(config: Config['rate_limits']): Map<string, RateLimit> {
  const limits = new Map<string, RateLimit>();
  for (const by of CLIENTS) {
    for (const kind of KINDS) {
      const perSecond = config[`${by}_${kind}_per_second`];
      if (perSecond === 0) continue;
      const { burst_seconds: burstSeconds } = config;
      const options = { perSecond, burstSeconds, maxClients: MAX_CLIENTS };
      limits.set(`${by} ${kind}`, new RateLimit(options));
    }
  }
  return limits;
}

/** Adds up what is to be reported, and reports it ten times a second, if there is anything. */
function gather(report: (spending: Spending) => void): (key: string, amount: number) => void {
  let gathered: Spending | undefined;
  return (key, amount) => {
    if (gathered === undefined) {
      gathered = {};
      setTimeout(() => {
        report(gathered!);
        gathered = undefined;
      }, REPORT_MS).unref();
    }
    gathered[key] = (gathered[key] ?? 0) + amount;
  };
}

function tooMany(by: By, kind: Kind, seconds: number): Refusal {
  const whose = by === 'user' ? 'this user' : 'this address';
  return new Refusal(
    'TOOMANYREQUESTS',
    `too many ${kind} for ${whose} (rate_limits.${by}_${kind}_per_second); try again in ${seconds} s`,
    { headers: { 'retry-after': String(seconds) } },
  );
}
