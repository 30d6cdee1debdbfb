import { BackplaneError } from './backplane.error.js';

/** A feature was configured whose package is not installed. */
export class MissingPeerError extends BackplaneError {
  readonly code = 'E_MISSING_PEER';

  constructor(
    readonly feature: string,
    readonly packageName: string,
    options?: { readonly cause?: unknown },
  ) {
    super(
      `${feature} needs the package ${packageName}: run "npm install ${packageName}".`,
      options,
    );
  }
}

/**
 * Loads an optional peer when the feature that needs it is configured. An error of a package that
 * is there, and cannot be loaded, passes through: installing it again would not help.
 *
 * @throws MissingPeerError naming the package to install
 */
export async function loadPeer<T>(
  feature: string,
  packageName: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
    throw new MissingPeerError(feature, packageName, { cause });
  }
}

/** The codes of `import()` and of `require()`. */
function isNotFound(error: unknown): boolean {
  const code: unknown =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}
