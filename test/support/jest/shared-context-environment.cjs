const { FakeTimers, ModuleMocker } = require('./jest-parts.cjs');

/** Where jest-circus keeps its handlers; those of one file would serve the state of another. */
const EVENT_HANDLERS = Symbol.for('EVENT_HANDLERS');

/**
 * Runs spec files in node's own context instead of a sandbox for each: what
 * `shared-packages-runtime` needs, because a package that is loaded once has one `Error`, `Map` and
 * `Date` for everybody.
 *
 * Modules of ours are still evaluated anew for each file. What a file changes of the process itself
 * is put back after it: `process.env`, timers, spies, and what jest replaces for the file.
 */
module.exports = class SharedContextEnvironment {
  global = globalThis;
  fakeTimers = null;
  #symbols = new Set(Object.getOwnPropertySymbols(globalThis));
  #console = globalThis.console;
  #env = { ...process.env };
  #process = {
    exit: process.exit,
    exitCode: process.exitCode,
    getBuiltinModule: process.getBuiltinModule,
  };

  constructor({ projectConfig }) {
    this.moduleMocker = new ModuleMocker(globalThis);
    this.fakeTimersModern = new FakeTimers({ config: projectConfig, global: globalThis });
  }

  async setup() {}

  async teardown() {
    this.fakeTimersModern.dispose();
    this.moduleMocker.restoreAllMocks();
    globalThis.console = this.#console;
    Object.assign(process, this.#process);
    this.#restoreEnv();
    this.#removeJestState();
  }

  /** Used to find a package as `import` does, to which the runtime adds `import`. */
  exportConditions() {
    return ['node', 'node-addons'];
  }

  /** None: the runtime compiles for this one. */
  getVmContext() {
    return null;
  }

  #restoreEnv() {
    for (const name of Object.keys(process.env)) {
      if (!(name in this.#env)) delete process.env[name];
    }
    Object.assign(process.env, this.#env);
  }

  /** Jest keeps the tests of a file, and with them all it loaded, under a symbol of its own. */
  #removeJestState() {
    const added = Object.getOwnPropertySymbols(globalThis).filter((key) => !this.#symbols.has(key));
    for (const key of added) {
      // A registered symbol is how packages share something for as long as the process lives.
      if (Symbol.keyFor(key) === undefined) Reflect.deleteProperty(globalThis, key);
    }
    Reflect.deleteProperty(globalThis, EVENT_HANDLERS);
  }
};
