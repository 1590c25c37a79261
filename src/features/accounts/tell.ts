import type { Db } from '../../platform/db/connect.ts';
import { emit, type EventType } from '../../platform/events/index.ts';
import { actorOf, type ActingRequest } from '../access/index.ts';

/** Writes down what happened to a user, or what they did. */
export function tell(
  tx: Db,
  request: ActingRequest,
  type: EventType & `user.${string}`,
  username: string,
  after?: object,
): Promise<void> {
  return emit(tx, { type, subject: { user: username }, after, ...actorOf(request) });
}
