export interface Command {
  /** One word or two, as typed after `roadstead`. */
  name: string;
  summary: string;
  /** Answers the exit code. */
  run(): Promise<number>;
}
