/** What people need to know about one environment variable. */
export interface EnvironmentVariable<Name extends string = string> {
  readonly name: Name;
  /** One line of Markdown. */
  readonly description: string;
  /** A value that works; every error about the variable ends with it. */
  readonly example: string;
  /** What holds when it is not set, in words. */
  readonly defaultText: string;
  /** Its value is never shown, neither in errors nor in `describeConfig()`. */
  readonly secret: boolean;
}
