const fs = require('node:fs');
const path = require('node:path');

const typescript = JSON.parse(fs.readFileSync(path.join(__dirname, '.swcrc.jest.json'), 'utf8'));
// Nest 12 is ESM only and @nestjs/throttler is CommonJS that requires it: everything, node_modules
// included, is transformed to CommonJS.
const javascript = {
  jsc: { parser: { syntax: 'ecmascript' }, target: 'es2022' },
  module: { type: 'commonjs', importInterop: 'swc' },
  sourceMaps: true,
};

module.exports = {
  testEnvironment: 'node',
  rootDir: __dirname,
  testRegex: 'test/.*\\.(spec|e2e-spec)\\.ts$',
  // A server that was given to us is not ours to kill.
  testPathIgnorePatterns: process.env.TEST_REDIS_URL
    ? ['/node_modules/', '/test/faults/']
    : ['/node_modules/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/examples/'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': ['@swc/jest', { ...typescript, swcrc: false, configFile: false }],
    '/node_modules/.+\\.[cm]?js$': [
      '@swc/jest',
      { ...javascript, swcrc: false, configFile: false },
    ],
  },
  transformIgnorePatterns: [],
  collectCoverageFrom: ['src/**/*.ts', '!src/main.ts'],
  coverageProvider: 'v8',
  testTimeout: 30_000,
  maxWorkers: 2,
};
