const { createRequire } = require('node:module');
const { compileFunction } = require('node:vm');
const { Runtime } = require('./jest-parts.cjs');

const requireNatively = createRequire(__filename);
const PATH = /^[./]/;

/** What was compiled in this process, by file name. */
const compiled = new Map();

/**
 * Jest's loader with one difference: packages are loaded by node, once a process, not by jest anew
 * for each spec file. Loading Nest, ioredis, bullmq and swagger was most of what the suite cost.
 *
 * Node also links ES modules with CommonJS as in the product, so packages need no transformation.
 * Our own modules are jest's as ever: evaluated for each file, mocked with `jest.mock`. A package
 * can be mocked for our modules, not for other packages, and what it keeps in a static outlives a
 * file.
 */
module.exports = class SharedPackagesRuntime extends Runtime {
  constructor(...args) {
    super(...args);
    this.executor.compile = (source, filename) => this.#compile(source, filename);
  }

  requireModule(...args) {
    const [from, name, options] = args;
    const isPath = name === undefined || PATH.test(name);
    if (isPath || options?.isInternalModule || this._resolution.isCoreModule(name)) {
      return super.requireModule(...args);
    }
    // By the conditions of `import`, which is what our code is written as: a package that ships
    // both kinds would otherwise be there twice, and one half not know the other's classes.
    return requireNatively(this._resolution.resolveEsm(from, name));
  }

  /**
   * In one context, the function that a module's text compiles to serves every file: only calling
   * it makes a module. Not with coverage, which counts in what was compiled after it began.
   */
  #compile(source, filename) {
    const known = compiled.get(filename);
    if (known?.source === source) return known.run;
    const run = compileFunction(source, this.executor.injectedModuleParameters, { filename });
    if (!this._coverageOptions.collectCoverage) compiled.set(filename, { source, run });
    return run;
  }
};
