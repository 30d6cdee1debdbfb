/**
 * What the published library asks of the application that installs it, and the manifest made of it.
 *
 * Peers: there must be one copy of Nest, ioredis and rxjs in a tree, the application's own.
 * Optional peers: what a single feature needs; loaded when that feature is first configured.
 */
export const PEERS = {
  '@nestjs/common': '^12.0.0',
  '@nestjs/core': '^12.0.0',
  '@nestjs/terminus': '^12.0.0',
  '@nestjs/throttler': '^6.7.0',
  ioredis: '^6.0.0',
  'reflect-metadata': '^0.2.0',
  rxjs: '^7.8.0',
};

export const OPTIONAL_PEERS = {
  '@electric-sql/pglite': '^0.5.0',
  '@nestjs/bullmq': '^12.0.0',
  '@nestjs/cache-manager': '^12.0.0',
  '@nestjs/websockets': '^12.0.0',
  bullmq: '^6.7.0',
  'cache-manager': '^7.0.0',
  'cache-manager-ioredis-yet': '^2.1.0',
  keyv: '^5.0.0',
  pg: '^8.11.0',
};

/** Installed with the library; the build takes their versions from the root package.json. */
export const DEPENDENCIES = ['cookie', 'lru-cache', 'msgpackr', 'pino', 'zod'];

/** Peers that Nest itself demands: declared even where the library never names them. */
export const PEERS_OF_NEST = ['reflect-metadata', 'rxjs'];

const KEYWORDS = [
  'nestjs',
  'redis',
  'ioredis',
  'cache',
  'session',
  'rate-limit',
  'throttler',
  'queue',
  'pubsub',
  'lock',
  'health',
];

/**
 * @param root the repository's own package.json
 * @param entries subpath to file, such as `{ './cache': './modules/cache/index' }`, no extension
 */
export function createManifest(root, entries) {
  const { name, version, description, license, type, engines } = root;
  return {
    name,
    version,
    description,
    keywords: KEYWORDS,
    license,
    type,
    sideEffects: false,
    engines,
    exports: {
      ...Object.fromEntries(
        Object.entries(entries).map(([subpath, file]) => [subpath, conditions(file)]),
      ),
      './package.json': './package.json',
    },
    dependencies: Object.fromEntries(
      DEPENDENCIES.map((dependency) => [dependency, `^${root.dependencies[dependency]}`]),
    ),
    peerDependencies: { ...PEERS, ...OPTIONAL_PEERS },
    peerDependenciesMeta: Object.fromEntries(
      Object.keys(OPTIONAL_PEERS).map((peer) => [peer, { optional: true }]),
    ),
  };
}

/** `import` and `require` get the same ES module: Node ≥ 20.19 can `require()` it. */
function conditions(file) {
  const script = `${file}.js`;
  return { types: `${file}.d.ts`, import: script, require: script, default: script };
}
