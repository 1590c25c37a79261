import { Refusal } from '../../../lib/errors.ts';
import type { Condition } from '../../../lib/list-query.ts';

/** Whose robots a list is of, from its `q`: a project's, by id, or null: the registry's. */
export function readLevel(conditions: Condition[]): number | null {
  const level = readOne(conditions, 'level') ?? 'system';
  if (level === 'system') return null;
  const id = readOne(conditions, 'projectid') ?? '';
  if (level !== 'project' || !/^\d{1,15}$/.test(id)) {
    throw new Refusal(
      'BAD_REQUEST',
      'bad request: q has Level=system, or Level=project and ProjectID=<the id of the project>',
    );
  }
  return Number(id);
}

/** The value of the only condition of this name; '' when it is of another kind. */
function readOne(conditions: Condition[], key: string): string | undefined {
  const found = conditions.find((condition) => condition.key === key);
  if (found === undefined) return undefined;
  return found.is === 'equal' ? found.value : '';
}
