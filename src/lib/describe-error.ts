/** What an error says. A host with several addresses fails with one error that has no words but a list. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map(describeError))].join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
