const fs = require('node:fs');
const path = require('node:path');

const typescript = JSON.parse(fs.readFileSync(path.join(__dirname, '.swcrc.jest.json'), 'utf8'));

module.exports = {
  // Two parts that work together: packages are loaded once a worker, not once a spec file, which
  // halves what the suite costs; and for that, spec files share one context.
  runtime: '<rootDir>/test/support/jest/shared-packages-runtime.cjs',
  testEnvironment: '<rootDir>/test/support/jest/shared-context-environment.cjs',
  testSequencer: '<rootDir>/test/support/jest/longest-first-sequencer.cjs',
  rootDir: __dirname,
  testRegex: 'test/.*\\.(spec|e2e-spec)\\.ts$',
  // A server that was given to us is not ours to kill.
  testPathIgnorePatterns: process.env.TEST_REDIS_URL
    ? ['/node_modules/', '/test/faults/']
    : ['/node_modules/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/examples/'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { ...typescript, swcrc: false, configFile: false }] },
  collectCoverageFrom: ['src/**/*.ts', '!src/main.ts'],
  coverageProvider: 'v8',
  testTimeout: 30_000,
  // One more than the two cores this is to be quick on: a third of a worker's time goes by with
  // waiting for a server to start, to fail or to come back.
  maxWorkers: 3,
};
