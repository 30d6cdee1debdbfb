/**
 * Checks docker-compose.yml and Dockerfile without an engine: the compose file against the Compose
 * Specification's JSON schema, both against what the architecture promises, and, where the docker
 * client has its compose plugin, with `docker compose config`.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';

const ROOT = path.resolve(import.meta.dirname, '..');
const SCHEMA = 'scripts/schemas/compose-spec.json';
const LIVENESS = '/health/live';
const DOCKER_TIMEOUT_MS = 30_000;

const compose = parse(read('docker-compose.yml'));
const problems = [...checkSchema(), ...checkCompose(), ...checkDockerfile(read('Dockerfile'))];
for (const problem of problems) console.error(`check:compose: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
else console.log('check:compose: docker-compose.yml and Dockerfile: ok');
runDockerCompose();

function read(file) {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

function checkSchema() {
  const schema = JSON.parse(read(SCHEMA));
  // Ajv knows draft 7 by its http address only; the schema names the https one.
  delete schema.$schema;
  const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false });
  const validate = ajv.compile(schema);
  if (validate(compose)) return [];
  return validate.errors.map(({ instancePath, message }) => `schema: ${instancePath} ${message}`);
}

function checkCompose() {
  const { redis, postgres, mailpit, backend } = compose.services ?? {};
  const services = Object.entries({ redis, postgres, mailpit, backend });
  const missing = services.filter(([, service]) => !service).map(([name]) => name);
  if (missing.length > 0) return missing.map((name) => `service ${name} is missing`);
  return [
    ...services.flatMap(([name, service]) => checkService(name, service)),
    ...checkRedis(redis),
    ...checkData({ redis, postgres }),
    ...checkBackend(backend),
  ];
}

function checkService(name, { healthcheck, ports = [] }) {
  return failures([
    [healthcheck?.test !== undefined, `service ${name} has no healthcheck`],
    ...ports.map((port) => [
      String(port).startsWith('127.0.0.1:'),
      `service ${name}: port ${port} is not bound to 127.0.0.1`,
    ]),
  ]);
}

function checkRedis({ image, command }) {
  const setting = (name) => command[command.indexOf(`--${name}`) + 1];
  return failures([
    [/^redis:7\b/.test(image), `redis: image ${image} is not Redis 7`],
    [setting('appendonly') === 'yes', 'redis: needs --appendonly yes'],
    [setting('maxmemory') === '256mb', 'redis: needs --maxmemory 256mb'],
    [
      setting('maxmemory-policy') === 'noeviction',
      'redis: needs --maxmemory-policy noeviction; any other may evict queues or sessions',
    ],
  ]);
}

/** Data survives `docker compose down`: a named volume, declared at the top level. */
function checkData(services) {
  const named = Object.keys(compose.volumes ?? {});
  return failures(
    Object.entries(services).map(([name, { volumes = [] }]) => [
      volumes.some((volume) => named.includes(String(volume).split(':')[0])),
      `service ${name} has no named volume`,
    ]),
  );
}

function checkBackend({ build, depends_on: dependsOn = {}, healthcheck }) {
  const waitsFor = (name) => dependsOn[name]?.condition === 'service_healthy';
  return failures([
    [build !== undefined, 'backend: must be built from the Dockerfile'],
    ...['redis', 'postgres', 'mailpit'].map((name) => [
      waitsFor(name),
      `backend: must wait until ${name} is healthy`,
    ]),
    [JSON.stringify(healthcheck).includes(LIVENESS), `backend: healthcheck must ask ${LIVENESS}`],
  ]);
}

function checkDockerfile(text) {
  const lines = text.replace(/\\\n\s*/g, '').split('\n');
  const stage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  const last = (word) => stage.findLast((line) => line.startsWith(`${word} `)) ?? '';
  const user = last('USER').slice(5).trim();
  return failures([
    [
      user !== '' && !/^(root|0)(:|$)/.test(user),
      'Dockerfile: the last stage must have a USER other than root',
    ],
    [last('HEALTHCHECK').includes(LIVENESS), `Dockerfile: HEALTHCHECK must ask ${LIVENESS}`],
    [
      last('CMD') === 'CMD ["node", "dist/main.js"]',
      'Dockerfile: CMD must be ["node", "dist/main.js"]',
    ],
    [/npm ci --omit=dev/.test(text), 'Dockerfile: the image needs npm ci --omit=dev'],
  ]);
}

function failures(facts) {
  return facts.filter(([holds]) => !holds).map(([, problem]) => problem);
}

/** `config -q` resolves variables and validates; it asks no engine. */
function runDockerCompose() {
  if (!docker('compose', 'version').done) {
    console.log('check:compose: docker compose config: could not be run (no compose plugin)');
    return;
  }
  const { done, output } = docker(
    'compose',
    '-f',
    path.join(ROOT, 'docker-compose.yml'),
    'config',
    '-q',
  );
  console.log(
    `check:compose: docker compose config: ${done ? 'ok' : `refused\n${String(output)}`}`,
  );
  if (!done) process.exitCode = 1;
}

function docker(...args) {
  try {
    return {
      done: true,
      output: execFileSync('docker', args, { timeout: DOCKER_TIMEOUT_MS, stdio: 'pipe' }),
    };
  } catch (error) {
    return { done: false, output: String(error.stderr ?? error.message) };
  }
}
