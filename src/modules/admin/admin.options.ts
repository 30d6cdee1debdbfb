import { z } from 'zod';
import { parseOptions } from '../../common/options/index.js';

export interface AdminOptions {
  /** Bearer token that opens the admin endpoints; at least 8 characters. */
  readonly token: string;
}

const schema = z.strictObject({ token: z.string().min(8, 'must have at least 8 characters') });

export type ResolvedAdminOptions = z.output<typeof schema>;

/** Validates the options. @throws InvalidOptionError, which never shows the token */
export function resolveAdminOptions(options: AdminOptions): ResolvedAdminOptions {
  return parseOptions(schema, options, 'admin');
}
