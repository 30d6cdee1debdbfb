import { BadRequestException } from '@nestjs/common';
import type { z } from 'zod';

/**
 * Input of a client as the schema wants it.
 * @throws BadRequestException naming the field, under `root`
 */
export function parse<T>(schema: z.ZodType<T>, input: unknown, root: string): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = [root, ...(issue?.path ?? [])].join('.');
  throw new BadRequestException(`${field}: ${issue?.message ?? 'is not valid'}`);
}
