import type { LoggerService } from '@nestjs/common';
import type { LogLevel } from '../common/config/index.js';
import { JsonLogger } from '../common/logging/index.js';

/** JSON lines, or lines for people where the output is a terminal. */
export async function createLogger(level: LogLevel): Promise<LoggerService> {
  if (!process.stdout.isTTY) return new JsonLogger({ level, quietContexts });
  const { default: pretty } = await import('pino-pretty');
  const destination = pretty({ ignore: 'context', messageFormat });
  return new JsonLogger({ level, quietContexts, destination });
}

/** Where Nest tells at boot what it wires; our banner says what matters of it. */
const quietContexts = ['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer'];

const messageFormat = '{if context}[{context}] {end}{msg}';
