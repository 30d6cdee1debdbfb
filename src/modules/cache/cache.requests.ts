import { z } from 'zod';
import { duration } from '../../common/options/index.js';

const text = z.string('must be given once').min(1, 'must be a text of at least one character');

/** Query of one entry. */
export const byKey = z.strictObject({ key: text });

/** Body of `PUT /entries`. */
export const entryBody = z.strictObject({
  value: z.custom<unknown>((value) => value !== undefined, 'must be given'),
  ttl: duration().optional(),
  tags: z.array(z.string('must be a list of texts'), 'must be a list of texts').optional(),
});

/** Body of `POST /warm`. */
export const warmBody = z.strictObject({ name: text.optional() });

const WHAT = ['tag', 'pattern', 'namespace'] as const;
const soft = z.enum(['true', 'false'], 'must be true or false').default('false');

/** Query of `DELETE /`: what is to go, by one of three. */
export const whatToDelete = z
  .strictObject({
    tag: z.union([text, z.array(text)], 'must be a text of at least one character').optional(),
    pattern: text.optional(),
    namespace: text
      .max(100, 'must be at most 100 characters long')
      .refine((name) => !name.includes(':'), 'must not hold a colon')
      .optional(),
    soft: soft.transform((value) => value === 'true'),
  })
  .superRefine((query, context) => {
    const given = WHAT.filter((name) => query[name] !== undefined);
    const refuse = (name: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [name], message });
    if (given.length === 0) refuse('pattern', 'must be given, or else tag or namespace');
    if (given.length > 1) refuse(given[1] ?? '', `cannot be given together with ${given[0]}`);
    if (query.pattern !== undefined && query.soft) {
      refuse('soft', 'is for tag and namespace: what matches a pattern is removed');
    }
  })
  .transform(({ tag, pattern, namespace, soft: isSoft }) => {
    const tags = typeof tag === 'string' ? [tag] : (tag ?? []);
    return { tags, pattern, namespace, soft: isSoft };
  });
