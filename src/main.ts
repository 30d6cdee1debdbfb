import 'reflect-metadata';
import { banner } from './app/banner.js';
import { bootFailure } from './app/boot-failure.js';
import { createBackend } from './app/create-backend.js';
import { createLogger } from './app/create-logger.js';
import { loadConfig } from './common/config/index.js';

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const logger = await createLogger(config.log.level);
  const backend = await createBackend({ config, logger });
  await backend.app.listen(config.http.port, config.http.host);
  const { port } = new URL(await backend.app.getUrl());
  process.stdout.write(`${banner(backend, `http://localhost:${port}`, config)}\n`);
}

function fail(error: unknown): void {
  process.stderr.write(`${bootFailure(error)}\n`);
  // Connections may be open already and would keep the process alive.
  process.exit(1);
}

main().catch(fail);
