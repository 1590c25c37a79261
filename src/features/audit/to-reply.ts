import { timestamp } from '../../platform/http/harbor-body.ts';
import type { AuditRow } from './store.ts';

/** As Harbor's first audit log showed it. */
export function toLegacyReply({
  seq,
  actor,
  resource,
  resource_type,
  operation,
  occurred_at,
}: AuditRow) {
  return {
    id: seq,
    username: actor,
    resource,
    resource_type,
    operation,
    op_time: timestamp(occurred_at),
  };
}

/** As Harbor's audit log shows it, and more. */
export function toReply(row: AuditRow) {
  const { operation, resource_type, resource, result, address, client, before, after } = row;
  return {
    ...toLegacyReply(row),
    operation_description: `${operation} ${resource_type}: ${resource}`,
    operation_result: result === null,
    ...(result === null ? {} : { result_code: result }),
    address,
    client,
    ...(before === null ? {} : { before }),
    ...(after === null ? {} : { after }),
  };
}
