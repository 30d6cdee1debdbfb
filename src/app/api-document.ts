import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

const TAGS = {
  examples: 'One endpoint a feature, open to everybody',
  health: 'For monitors and orchestrators; never rate limited',
  operations: 'For operators, with the admin token',
} as const;

/** The library's controllers know nothing of OpenAPI; what they do is said here. */
const SUMMARIES: Readonly<Record<string, string>> = {
  '/health': 'How the backend is and what backs each service; 503 when one cannot answer',
  '/health/live': 'The process answers; for restarts',
  '/health/ready': 'Requests may be sent here; 503 when down or shutting down',
  '/health/redis': 'Ping time, memory, clients, version and role of Redis',
  '/health/deep': '/health with memory, pools, hit ratio and what each service tells',
  '/api/v1/redis/health': 'As /health/redis',
};

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** Describes every route of the application, for `/docs`. */
export function apiDocument(app: INestApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle('Backplane')
    .setDescription('The backend made of nest-backplane: worked examples, health and operations.')
    .setVersion('0.1')
    .addBearerAuth();
  for (const [name, description] of Object.entries(TAGS)) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build());
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const operation of [
      methods.get,
      methods.post,
      methods.put,
      methods.patch,
      methods.delete,
    ]) {
      if (operation !== undefined) describe(path, operation);
    }
  }
  return document;
}

function describe(path: string, operation: Operation): void {
  const tag = tagOf(path);
  const summary = SUMMARIES[path];
  operation.tags = [tag];
  if (summary !== undefined) operation.summary = summary;
  if (tag === 'operations') {
    operation.security = [{ bearer: [] }];
    operation.responses['401'] = { description: 'No token, or another one' };
  }
  if (tag !== 'health') operation.responses['429'] = { description: 'Over the rate limit' };
}

function tagOf(path: string): keyof typeof TAGS {
  if (path.startsWith('/health')) return 'health';
  const isForOperators =
    path.startsWith('/api/v1/redis/') || path.startsWith('/auth/sessions/redis/');
  return isForOperators ? 'operations' : 'examples';
}
