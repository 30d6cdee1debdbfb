import { bootFailure } from '../../src/app/boot-failure.js';
import { createBackend } from '../../src/app/create-backend.js';
import { ConfigError, describeConfig, loadConfig } from '../../src/common/config/index.js';
import { InvalidOptionError } from '../../src/common/errors/index.js';
import { JsonLogger } from '../../src/common/logging/index.js';

const TOKEN = 'zq7-hunter2-k9x4';

describe('what is printed when the boot fails', () => {
  it.each([
    ['a wrong variable', new ConfigError('PORT', 'must be a number')],
    ['a wrong option', new InvalidOptionError('throttle.default.limit', 'must be positive')],
  ])('is one line for %s', (_what, error) => {
    expect(bootFailure(error)).toBe(error.message);
    expect(bootFailure(error)).not.toContain('\n');
  });

  it('is one line for a port that is taken', async () => {
    const config = loadConfig({ HOST: '127.0.0.1', PORT: '0' });
    const [first, second] = [await createBackend({ config }), await createBackend({ config })];
    try {
      await first.app.listen(0, config.http.host);
      const { port } = first.app.getHttpServer().address() as { port: number };
      const error: unknown = await second.app
        .listen(port, config.http.host)
        .catch((e: unknown) => e);
      expect(bootFailure(error)).toMatch(/^listen EADDRINUSE: .*\. Set PORT or HOST\.$/);
    } finally {
      await Promise.all([first.app.close(), second.app.close()]);
    }
  });

  it('is the stack for a fault of ours', () => {
    const error = new TypeError('no lamp');
    expect(bootFailure(error)).toBe(error.stack);
    expect(bootFailure(error)).toMatch(/^TypeError: no lamp\n\s+at .*boot-output\.spec/);
  });

  it.each([['a text'], [undefined], [null], [7]])('is %j where that was thrown', (thrown) => {
    expect(bootFailure(thrown)).toBe(String(thrown));
  });
});

describe('the log of a boot', () => {
  async function boot(level: 'debug' | 'info'): Promise<readonly Record<string, unknown>[]> {
    const lines: string[] = [];
    const logger = new JsonLogger({ level, destination: { write: (line) => lines.push(line) } });
    const config = loadConfig({ ADMIN_TOKEN: TOKEN });
    const { app } = await createBackend({ config, logger });
    await app.close();
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  it('tells the configuration at level debug, without secrets', async () => {
    const lines = await boot('debug');
    const told = lines.filter(({ context }) => context === 'Config').map(({ msg }) => msg);
    expect(told).toEqual(describeConfig(loadConfig({ ADMIN_TOKEN: TOKEN })));
    expect(told).toContain('admin token: ***');
    expect(JSON.stringify(lines)).not.toContain(TOKEN);
  });

  it('does not at level info', async () => {
    expect((await boot('info')).filter(({ context }) => context === 'Config')).toEqual([]);
  });
});
