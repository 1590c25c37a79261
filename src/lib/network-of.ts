import { isIPv6 } from 'node:net';

/** Who an address belongs to, as far as one can tell: an IPv4 address itself, for IPv6 its network of 64
 * bits, all of whose addresses one machine can take. */
export function networkOf(address: string): string {
  const [plain] = address.toLowerCase().split('%') as [string];
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (mapped !== undefined || !isIPv6(plain)) return mapped ?? address;
  const [left, right] = plain.split('::').map((half) => half.split(':').filter(Boolean)) as [
    string[],
    string[]?,
  ];
  const missing = 8 - left.length - (right?.length ?? 0);
  const groups = [...left, ...Array<string>(missing).fill('0'), ...(right ?? [])];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
