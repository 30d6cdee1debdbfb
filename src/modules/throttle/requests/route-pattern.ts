/** What a route pattern is compared with. */
export interface RouteTarget {
  readonly method: string;
  /** The path the client asked for, and the template of the route that answers, if there is one. */
  readonly paths: readonly string[];
}

/**
 * Compiles a route pattern: `:name` and `*` stand for one segment, a final `**` for any number of
 * them, also none. Case, a final slash and percent-encoding make no difference, so that no spelling
 * of a path escapes its limit.
 */
export function compileRoutePattern(
  pattern: string,
  method: string | undefined,
): (target: RouteTarget) => boolean {
  const wanted = segmentsOf(pattern);
  const isOpenEnded = wanted.at(-1) === '**';
  const fixed = isOpenEnded ? wanted.slice(0, -1) : wanted;
  const matchesPath = (path: string): boolean => {
    const segments = segmentsOf(path);
    if (isOpenEnded ? segments.length < fixed.length : segments.length !== fixed.length) {
      return false;
    }
    return fixed.every((segment, index) => isWildcard(segment) || segment === segments[index]);
  };
  return (target) => matchesMethod(method, target.method) && target.paths.some(matchesPath);
}

/** HEAD is answered by the handler of GET. */
function matchesMethod(wanted: string | undefined, method: string): boolean {
  return wanted === undefined || wanted === method || (wanted === 'GET' && method === 'HEAD');
}

function isWildcard(segment: string): boolean {
  return segment === '*' || segment.startsWith(':');
}

function segmentsOf(path: string): readonly string[] {
  return decoded(path)
    .toLowerCase()
    .split('/')
    .filter((segment) => segment !== '');
}

/** Malformed escapes are compared as they are: the router will not match them either. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
