export interface CommandOption {
  type: 'boolean' | 'string';
  /** What follows it, for the help: `--rate BYTES`. */
  value?: string;
  summary: string;
}

export interface CommandLine {
  /** What was given of the options, by their names without dashes. */
  options: Record<string, string | boolean | undefined>;
  /** What else was given, as many as the command has names for. */
  parameters: string[];
}

export interface Command {
  /** One word or two, as typed after `roadstead`. */
  name: string;
  summary: string;
  options?: Record<string, CommandOption>;
  /** The names of what must follow, such as `DIR`. */
  parameters?: readonly string[];
  /** Answers the exit code. */
  run(line: CommandLine): Promise<number>;
}
