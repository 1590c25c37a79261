/** Where code that knows nothing of the database takes the time from. Rows take it from PostgreSQL. */
export const clock = {
  now: (): Date => new Date(),
};
