import { type Backing, ServiceRegistry } from '../../src/common/status/index.js';

describe('ServiceRegistry', () => {
  it('is empty until services register', () => {
    expect(new ServiceRegistry().list()).toEqual([]);
  });

  it('lists services in the order in which they registered', () => {
    const registry = new ServiceRegistry();
    for (const service of ['rate_limiting', 'cache', 'lock']) registry.register(status(service));
    expect(registry.list().map(({ service }) => service)).toEqual([
      'rate_limiting',
      'cache',
      'lock',
    ]);
  });

  it('asks a service each time, so that the list is never out of date', () => {
    const registry = new ServiceRegistry();
    let backing: Backing = 'redis';
    registry.register({ ...status('cache'), backing: () => backing });
    expect(registry.list().map((service) => service.backing())).toEqual(['redis']);
    backing = 'memory';
    expect(registry.list().map((service) => service.backing())).toEqual(['memory']);
  });

  it('lets a later registration of the same service replace the earlier one', () => {
    const registry = new ServiceRegistry();
    registry.register(status('cache'));
    registry.register({ ...status('cache'), backing: () => 'none' });
    expect(registry.list().map((service) => service.backing())).toEqual(['none']);
  });

  it('takes details for a service that is registered, and for no other', async () => {
    const registry = new ServiceRegistry();
    registry.register(status('cache'));
    registry.describe('cache', async () => ({ entries: 1 }));
    const [cache] = registry.list();
    expect([cache?.backing(), await cache?.details?.()]).toEqual(['redis', { entries: 1 }]);
    expect(() => registry.describe('queue', async () => ({}))).toThrow('queue');
  });

  it('cannot be changed through the list it gave out', () => {
    const registry = new ServiceRegistry();
    registry.register(status('cache'));
    (registry.list() as unknown[]).pop();
    expect(registry.list()).toHaveLength(1);
  });
});

function status(service: string) {
  return { service, backing: (): Backing => 'redis', isServing: () => true };
}
