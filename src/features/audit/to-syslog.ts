import { hostname } from 'node:os';

import type { AuditRow } from './store.ts';
import { toReply } from './to-reply.ts';

/** RFC 5424 §6.2.1: facility 13 is a log audit; what was refused is a warning, the rest is for information. */
const DONE = 13 * 8 + 6;
const REFUSED = 13 * 8 + 4;
const HOST = hostname().replaceAll(/[^!-~]/g, '') || '-';

/** An entry as a line for a syslog server: RFC 5424, with what the API says of it as JSON. */
export function toSyslogLine(row: AuditRow): string {
  const reply = toReply(row);
  const priority = row.result === null ? DONE : REFUSED;
  const id = `${reply.operation}_${reply.resource_type}`.replaceAll(/[^!-~]/g, '').slice(0, 32);
  return `<${priority}>1 ${reply.op_time} ${HOST} roadstead - ${id || '-'} - ${JSON.stringify(reply)}\n`;
}
