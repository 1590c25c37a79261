/** What a robot was given at one place. */
export type RobotRight = Place & {
  allowed: readonly string[];
  /** Not allowed, whatever another right says. */
  denied: readonly string[];
};

/** Where something is done: to the registry as a whole, in all projects there are and will be, or in one. */
export type Place =
  | { scope: 'system'; projectId: null }
  | { scope: 'all-projects'; projectId: null }
  | { scope: 'project'; projectId: number };

/** Whether these rights allow it, everywhere in that place. */
export function rightsAllow(rights: RobotRight[], place: Place, permission: string): boolean {
  const isAllowed = rights.some(
    (right) => right.allowed.includes(permission) && isWithin(place, right),
  );
  const isDenied = rights.some(
    (right) =>
      right.denied.includes(permission) && (isWithin(place, right) || isWithin(right, place)),
  );
  return isAllowed && !isDenied;
}

/** Whether one place is the other or in it. */
function isWithin(place: Place, other: Place): boolean {
  if (other.scope === 'all-projects') return place.scope !== 'system';
  return place.scope === other.scope && place.projectId === other.projectId;
}
