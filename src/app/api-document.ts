import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { OPERATIONS, type OperationNotes } from './operations.js';

const TAGS = {
  examples: 'One endpoint a feature, open to everybody',
  health: 'For monitors and orchestrators; never rate limited',
  operations: 'For operators, with the admin token',
} as const;

/** Of the library's health pages, which know nothing of OpenAPI. */
const SUMMARIES: Readonly<Record<string, string>> = {
  '/health': 'How the backend is and what backs each service; 503 when one cannot answer',
  '/health/live': 'The process answers; for restarts',
  '/health/ready': 'Requests may be sent here; 503 when down or shutting down',
  '/health/redis': 'Ping time, memory, clients, version and role of Redis',
  '/health/deep': '/health with memory, pools, hit ratio and what each service tells',
};

const TEXT = { type: 'string' };

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

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
    for (const method of METHODS) {
      const operation = methods[method];
      if (operation !== undefined) describe(path, method, operation);
    }
  }
  return document;
}

function describe(path: string, method: string, operation: Operation): void {
  const tag = tagOf(path);
  const notes = OPERATIONS[`${method.toUpperCase()} ${path}`];
  if (notes !== undefined) annotate(operation, notes);
  const summary = notes?.summary ?? SUMMARIES[path];
  operation.tags = [tag];
  if (summary !== undefined) operation.summary = summary;
  if (tag === 'operations') {
    operation.security = [{ bearer: [] }];
    operation.responses['401'] = { description: 'No token, or another one' };
  }
  if (tag !== 'health') operation.responses['429'] = { description: 'Over the rate limit' };
}

function annotate(operation: Operation, { query = [], body }: OperationNotes): void {
  const parameters = query.map((text) => {
    const name = text.replace(/\?$/, '');
    return { name, in: 'query' as const, required: name === text, schema: TEXT };
  });
  operation.parameters = [...(operation.parameters ?? []), ...parameters];
  if (body === undefined) return;
  operation.requestBody = {
    required: true,
    content: { 'application/json': { schema: { type: 'object' }, example: body } },
  };
}

function tagOf(path: string): keyof typeof TAGS {
  if (path.startsWith('/health')) return 'health';
  const isForOperators =
    path.startsWith('/api/v1/redis/') || path.startsWith('/auth/sessions/redis/');
  return isForOperators ? 'operations' : 'examples';
}
