import {
  BackplaneError,
  InvalidOptionError,
  loadPeer,
  MissingPeerError,
} from '../../src/common/errors/index.js';

class LampBrokenError extends BackplaneError {
  readonly code = 'E_LAMP_BROKEN';
}

describe('BackplaneError', () => {
  it('carries the name of its class, its message and its cause', () => {
    const cause = new Error('burnt through');
    const error = new LampBrokenError('The lamp is broken; screw in another.', { cause });
    expect(error).toMatchObject({
      name: 'LampBrokenError',
      code: 'E_LAMP_BROKEN',
      message: 'The lamp is broken; screw in another.',
      cause,
    });
    expect(error.stack).toMatch(/^LampBrokenError: The lamp is broken/);
  });

  it('has no cause when none was given', () => {
    expect('cause' in new LampBrokenError('The lamp is broken.')).toBe(false);
  });

  it('is recognised by its base class', () => {
    expect(new InvalidOptionError('ttl', 'is wrong')).toBeInstanceOf(BackplaneError);
    expect(new MissingPeerError('A queue', 'bullmq')).toBeInstanceOf(Error);
  });
});

describe('InvalidOptionError', () => {
  it('names the option and the problem in its fields and in its message', () => {
    const error = new InvalidOptionError('cache.ttl', 'must be positive');
    expect(error).toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'cache.ttl',
      problem: 'must be positive',
      message: 'Invalid option "cache.ttl": must be positive.',
    });
  });
});

describe('loadPeer', () => {
  it('gives what was loaded', async () => {
    await expect(loadPeer('A queue', 'bullmq', async () => 'the module')).resolves.toBe(
      'the module',
    );
  });

  it('names the feature and the command when the package is not installed', async () => {
    const failure = loadPeer('A queue', 'no-such-package', () => {
      const name = 'no-such-package';
      return import(name) as Promise<unknown>;
    });
    await expect(failure).rejects.toMatchObject({
      code: 'E_MISSING_PEER',
      feature: 'A queue',
      packageName: 'no-such-package',
      message: 'A queue needs the package no-such-package: run "npm install no-such-package".',
      cause: expect.objectContaining({ code: 'MODULE_NOT_FOUND' }),
    });
  });

  it('knows the code that an import has outside of jest', async () => {
    const notFound = Object.assign(new Error('Cannot find'), { code: 'ERR_MODULE_NOT_FOUND' });
    const failure = loadPeer('A queue', 'bullmq', () => Promise.reject(notFound));
    await expect(failure).rejects.toMatchObject({ code: 'E_MISSING_PEER', cause: notFound });
  });

  it('passes on why a package that is installed cannot be loaded', async () => {
    const broken = new SyntaxError('Unexpected token');
    const failure = loadPeer('A queue', 'bullmq', () => Promise.reject(broken));
    await expect(failure).rejects.toBe(broken);
  });
});
