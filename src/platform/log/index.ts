import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

export interface LogOptions {
  level: string;
  /** Where the lines go; standard output when left out. */
  destination?: DestinationStream;
}

/** Headers and members that could carry a secret, wherever somebody logs a whole object. */
const REDACTED = ['authorization', 'cookie', 'set-cookie', 'password', 'secret', 'token'];

export function createLog({ level, destination }: LogOptions): Log {
  const options = {
    level,
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: REDACTED.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
      censor: '***',
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
