import type { Db } from '../../../platform/db/connect.ts';
import { emit } from '../../../platform/events/index.ts';
import { actorOf, type ActingRequest } from '../../access/index.ts';
import { robotName } from './name.ts';
import type { Robot } from './store/robots.ts';

/** Writes down what `tx` does to a robot. */
export function tell(
  tx: Db,
  request: ActingRequest,
  { type, name, projectId, ...change }: RobotEvent,
): Promise<void> {
  return emit(tx, {
    type,
    projectId,
    subject: { robot: name },
    ...change,
    ...actorOf(request),
  });
}

interface RobotEvent {
  type: 'robot.created' | 'robot.updated' | 'robot.deleted';
  name: string;
  projectId: number | undefined;
  before?: object;
  after?: object;
}

/** Which robot an event is about. */
export const eventOf = (robot: Robot, prefix: string) => ({
  name: robotName(robot, prefix),
  projectId: robot.project_id ?? undefined,
});
