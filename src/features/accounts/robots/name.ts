/** Harbor's prefix. Always understood, whatever is set: what signs in with it goes on working. */
const DEFAULT_PREFIX = 'robot$';

/** A robot's own name, and that of its project if it belongs to one. */
export interface RobotName {
  project: string | null;
  name: string;
}

/** How a robot signs in and is called: `robot$ci` of the registry, `robot$team+ci` of a project. */
export const robotName = ({ project, name }: RobotName, prefix: string): string =>
  `${prefix}${project === null ? '' : `${project}+`}${name}`;

const NAME = '[a-z0-9]+(?:[._-][a-z0-9]+)*';
const PARTS = new RegExp(`^(?:(${NAME})\\+)?(${NAME})$`);

/** Which robot signs in as this; undefined: none can. Without a prefix a user may have the same name. */
export function parseRobotName(
  text: string,
  prefix: string,
): (RobotName & { hasPrefix: boolean }) | undefined {
  const used = [prefix, DEFAULT_PREFIX].find((one) => text.startsWith(one));
  const match = PARTS.exec(text.slice(used?.length ?? 0));
  if (match === null) return undefined;
  return { project: match[1] ?? null, name: match[2]!, hasPrefix: used !== undefined };
}
