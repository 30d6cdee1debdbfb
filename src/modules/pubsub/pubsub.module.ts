import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CoreModule } from '../../common/core.module.js';
import { ChannelStreams } from './channel-streams.js';
import { PubSubDriver } from './pubsub.driver.js';
import {
  dispatcherProvider,
  localProvider,
  onceGuardProvider,
  pubSubDriverProvider,
  pubSubReceiverProvider,
} from './pubsub.driver-provider.js';
import {
  PUBSUB_MODULE_OPTIONS,
  PUBSUB_OPTIONS,
  PubSubConfigurableModule,
} from './pubsub.module-definition.js';
import { type PubSubOptions, resolvePubSubOptions } from './pubsub.options.js';
import { PubSubService } from './pubsub.service.js';
import { SubscriptionExplorer } from './subscription-explorer.js';

/** Events between processes: `PubSubService` and `@Subscribe`. */
@Global()
@Module({
  imports: [CoreModule, DiscoveryModule],
  providers: [
    { provide: PUBSUB_OPTIONS, inject: [PUBSUB_MODULE_OPTIONS], useFactory: resolvePubSubOptions },
    onceGuardProvider,
    dispatcherProvider,
    localProvider,
    pubSubDriverProvider,
    pubSubReceiverProvider,
    PubSubService,
    SubscriptionExplorer,
    ChannelStreams,
  ],
  exports: [PubSubService, PubSubDriver, ChannelStreams],
})
export class PubSubModule extends PubSubConfigurableModule {
  static override forRoot(options: PubSubOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}
