import 'reflect-metadata';
import { banner } from './app/banner.js';
import { createBackend } from './app/create-backend.js';
import { createLogger } from './app/create-logger.js';
import { ConfigError, loadConfig } from './common/config/index.js';
import { BackplaneError } from './common/errors/index.js';

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const logger = await createLogger(config.log.level);
  const backend = await createBackend({ config, logger });
  await backend.app.listen(config.http.port, config.http.host);
  const { port } = new URL(await backend.app.getUrl());
  process.stdout.write(`${banner(backend, `http://localhost:${port}`, config)}\n`);
}

/** A wrong setting is one line; anything else is a fault of ours and shows its stack. */
function fail(error: unknown): void {
  const isExpected = error instanceof ConfigError || error instanceof BackplaneError;
  process.stderr.write(`${isExpected ? error.message : String(error)}\n`);
  // Connections may be open already and would keep the process alive.
  process.exit(1);
}

main().catch(fail);
