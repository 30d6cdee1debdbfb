const { AsyncLocalStorage } = require('node:async_hooks');
const { FakeTimers, ModuleMocker } = require('./jest-parts.cjs');

/** Where jest-circus keeps its handlers; those of one file would serve the state of another. */
const EVENT_HANDLERS = Symbol.for('EVENT_HANDLERS');

/** What was given a context since the last file ended. */
const contexts = new Set();
for (const method of ['run', 'enterWith']) {
  const original = AsyncLocalStorage.prototype[method];
  AsyncLocalStorage.prototype[method] = function remembered(...args) {
    contexts.add(this);
    return original.apply(this, args);
  };
}

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
    disableContexts();
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

/**
 * Node hands every storage that was ever used on to every promise, and each file brings its own:
 * what they cost would grow with the files. One that is used again is enabled again.
 */
function disableContexts() {
  for (const context of contexts) context.disable();
  contexts.clear();
}
