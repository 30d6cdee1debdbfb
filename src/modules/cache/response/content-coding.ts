import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/** Codings in which bodies are stored, the smaller one first. */
export const CODINGS = ['br', 'gzip'] as const;

/** How the bytes of a body are coded. */
export type Coding = (typeof CODINGS)[number] | 'identity';

/** The same body, compressed; absent where that would not make it smaller. */
export type CodedBodies = Readonly<Partial<Record<(typeof CODINGS)[number], Buffer>>>;

/** A stored body is compressed once and sent often; still, somebody waits for it. */
const BROTLI_QUALITY = 6;

const COMPRESSIBLE =
  /^(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml|javascript|ndjson)|image\/svg\+xml|application\/wasm)/i;

const brotli = promisify(brotliCompress);
const deflate = promisify(gzip);

/** Is it of a kind that becomes smaller? */
export function isCompressible(type: string | undefined): boolean {
  return type !== undefined && COMPRESSIBLE.test(type);
}

export async function compressed(body: Buffer): Promise<CodedBodies> {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
  };
  const [br, gz] = await Promise.all([brotli(body, { params }), deflate(body)]);
  return {
    ...(br.length < body.length ? { br } : {}),
    ...(gz.length < body.length ? { gzip: gz } : {}),
  };
}

/**
 * The coding a client likes best of those there are (RFC 9110, 12.5.3); the smaller one where it
 * does not mind. What was not compressed is sent as it is, also to who says that it will not do.
 */
export function chooseCoding(accepted: string | undefined, bodies: CodedBodies): Coding {
  if (accepted === undefined || accepted === '') return 'identity';
  const weights = weightsOf(accepted);
  let chosen: Coding = 'identity';
  let best = weights.get('identity') ?? 0;
  for (const coding of CODINGS) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0;
    const isBetter = weight > best || (weight === best && chosen === 'identity' && weight > 0);
    if (bodies[coding] !== undefined && isBetter) [chosen, best] = [coding, weight];
  }
  return chosen;
}

function weightsOf(accepted: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    weights.set(name === 'x-gzip' ? 'gzip' : name, Number.isNaN(weight) ? 0 : weight);
  }
  return weights;
}
