import { BackplaneError } from '../errors/index.js';
import { type EnvironmentName, environmentVariable } from './environment.js';

/**
 * An environment variable is wrong, or contradicts another one; the application must not start.
 *
 * The message is one line: the variable, what is wrong, an example that works. It never holds the
 * value of a secret variable.
 */
export class ConfigError extends BackplaneError {
  readonly code = 'E_CONFIG';

  /**
   * @param variable the variable to look at first
   * @param problem what is wrong, without the variable's name, a secret, or a final full stop
   * @param exampleOf variable whose example to show, where setting another one is the remedy
   */
  constructor(
    readonly variable: EnvironmentName,
    readonly problem: string,
    exampleOf: EnvironmentName = variable,
  ) {
    const { example } = environmentVariable(exampleOf);
    super(`${variable}: ${problem}, for example ${exampleOf}=${example}`);
  }
}
