import { Controller, Inject, Injectable, Scope, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { EventStream } from '../../../src/common/events/index.js';
import {
  type PubSubEvent,
  PubSubModule,
  PubSubService,
  Subscribe,
} from '../../../src/modules/pubsub/index.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { logOf } from '../../contracts/pubsub/pubsub-fixture.js';

let calls: string[] = [];

@Injectable()
class Listener {
  readonly name: string = 'listener';

  @Subscribe('orders')
  onOrder(payload: unknown, event: PubSubEvent): void {
    calls.push(`${this.name}.onOrder ${JSON.stringify(payload)} ${event.channel}`);
  }

  @Subscribe('bills')
  @Subscribe({ pattern: 'bill-*' })
  async onBill(payload: unknown): Promise<void> {
    calls.push(`${this.name}.onBill ${String(payload)}`);
  }

  @SetMetadata('above', 1)
  @Subscribe('quiet')
  @SetMetadata('below', 2)
  failing(): never {
    throw new Error('no');
  }

  get explosive(): never {
    throw new Error('nobody reads this');
  }
}

@Injectable()
class Extended extends Listener {
  override readonly name = 'extended';

  /** Without the decorator: not subscribed. */
  override async onBill(): Promise<void> {
    calls.push('extended.onBill');
  }
}

let instances = 0;

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  readonly number = (instances += 1);

  @Subscribe('scoped')
  on(payload: unknown): void {
    calls.push(`request ${this.number} ${String(payload)}`);
  }
}

@Injectable()
class NeedsRequest {
  constructor(@Inject(PerRequest) private readonly scoped: PerRequest) {}

  @Subscribe('bubbled')
  on(): void {
    calls.push(`bubbled ${this.scoped.number > 0}`);
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient {
  @Subscribe('transient')
  on(payload: unknown): void {
    calls.push(`transient ${String(payload)}`);
  }
}

@Injectable()
class NeedsSlow {
  constructor(@Inject('slow') readonly slow: unknown) {}

  @Subscribe('slow')
  on(payload: unknown): void {
    calls.push(`slow ${String(payload)}`);
  }
}

@Controller('orders')
class OrdersController {
  @Subscribe('controller')
  on(payload: unknown): void {
    calls.push(`controller ${String(payload)}`);
  }
}

const BY_FACTORY = Symbol('BY_FACTORY');
const ALIAS = Symbol('ALIAS');
const SAME = Symbol('SAME');

describe('@Subscribe', () => {
  let module: TestingModule;
  let pubsub: PubSubService;

  const start = async (providers: unknown[], controllers: (typeof OrdersController)[] = []) => {
    calls = [];
    module = await Test.createTestingModule({
      imports: [PubSubModule.forRoot({})],
      providers: providers as [],
      controllers,
    }).compile();
    await module.init();
    pubsub = module.get(PubSubService);
  };

  afterEach(() => module.close());

  it('calls the method with payload and event, on its instance', async () => {
    await start([Listener]);
    await pubsub.publish('orders', { id: 1 });
    expect(calls).toEqual(['listener.onOrder {"id":1} orders']);
  });

  it('stands several times on a method, for channels and patterns', async () => {
    await start([Listener]);
    for (const channel of ['bills', 'bill-1', 'bill', 'other']) {
      await pubsub.publish(channel, channel);
    }
    expect(calls).toEqual(['listener.onBill bills', 'listener.onBill bill-1']);
  });

  it('works on subclasses; what they override without it is not subscribed', async () => {
    await start([Extended]);
    await pubsub.publish('orders', 1);
    await pubsub.publish('bills', 1);
    expect(calls).toEqual(['extended.onOrder 1 orders']);
  });

  it('works on instances that a factory made, once for an instance under several tokens', async () => {
    const listener = new Listener();
    await start([
      { provide: BY_FACTORY, useFactory: () => listener },
      { provide: ALIAS, useExisting: BY_FACTORY },
      { provide: SAME, useValue: listener },
      { provide: 'nothing', useValue: null },
      { provide: 'text', useValue: 'text' },
      { provide: 'bare', useValue: Object.create(null) },
    ]);
    await pubsub.publish('bills', 1);
    expect(calls).toEqual(['listener.onBill 1']);
  });

  it('works on controllers', async () => {
    await start([], [OrdersController]);
    await pubsub.publish('controller', 1);
    expect(calls).toEqual(['controller 1']);
  });

  it('gives a request-scoped provider an instance for each event', async () => {
    instances = 0;
    await start([PerRequest, NeedsRequest, Transient]);
    await pubsub.publish('scoped', 'a');
    await pubsub.publish('scoped', 'b');
    await pubsub.publish('bubbled', 1);
    await pubsub.publish('transient', 1);
    await eventually(() => calls.length === 4);
    expect(calls.filter((call) => call.startsWith('request'))).toEqual([
      'request 1 a',
      'request 2 b',
    ]);
    expect(calls).toEqual(expect.arrayContaining(['bubbled true', 'transient 1']));
  });

  it('reports an instance that cannot be made at once, and keeps the order of the others', async () => {
    const first = new Deferred<void>();
    let number = 0;
    const make = async () => {
      number += 1;
      if (number === 2) throw new Error('no instance');
      if (number === 1) await first.promise;
      return {};
    };
    await start([{ provide: 'slow', useFactory: make, scope: Scope.REQUEST }, NeedsSlow]);
    const failed = logOf(module.get(EventStream), 'pubsub.handler_failed');
    for (const payload of [1, 2, 3]) await pubsub.publish('slow', payload);
    await eventually(() => failed.length === 1 && number === 3);
    expect(calls).toEqual([]);
    first.resolve();
    await eventually(() => calls.length === 2);
    expect(calls).toEqual(['slow 1', 'slow 3']);
  });

  it('reports a failing method by class and name', async () => {
    await start([Listener]);
    const failed = logOf(module.get(EventStream), 'pubsub.handler_failed');
    await pubsub.publish('quiet', 1);
    expect(failed).toMatchObject([{ handler: 'Listener.failing', reason: 'error' }]);
  });

  it('keeps the metadata of the method, in any order of decorators', async () => {
    await start([Listener]);
    const { failing } = module.get(Listener);
    const reflector = module.get(Reflector);
    expect([reflector.get('above', failing), reflector.get('below', failing)]).toEqual([1, 2]);
  });

  it('ends at shutdown', async () => {
    await start([Listener]);
    await module.close();
    await pubsub.publish('bills', 1);
    expect(calls).toEqual([]);
  });

  it.each(['', { pattern: '' }, 'x'.repeat(1_025)])('refuses %p when it is loaded', (topic) => {
    expect(() => Subscribe(topic)).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION' }) as Error,
    );
  });
});
