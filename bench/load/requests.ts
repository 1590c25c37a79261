import { MANIFEST_TYPE } from '../world.ts';

export interface PlainRequest {
  method: 'GET' | 'HEAD';
  path: string;
  authorization: string | undefined;
}

/** The bytes of a request, the same for every peer but for the Authorization header. */
export function toText(port: number, { method, path, authorization }: PlainRequest): string {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'User-Agent: bench',
    `Accept: ${MANIFEST_TYPE}`,
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A shuffled copy. */
export function shuffle<T>(items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}

/** What a run of small requests gave. */
export interface Rate {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}
