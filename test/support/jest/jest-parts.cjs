/**
 * Parts of the jest that runs, found the way jest finds them: wherever npm put them, and of the
 * very same version. They are not dependencies of this project.
 */
const { createRequire } = require('node:module');

const core = createRequire(createRequire(require.resolve('jest')).resolve('@jest/core'));
const config = createRequire(core.resolve('jest-config'));
const environment = createRequire(config.resolve('jest-environment-node'));

module.exports = {
  Runtime: core('jest-runtime').default,
  Sequencer: config('@jest/test-sequencer').default,
  ModuleMocker: environment('jest-mock').ModuleMocker,
  FakeTimers: environment('@jest/fake-timers').ModernFakeTimers,
};
