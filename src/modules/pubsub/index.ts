export type { PubSubHandler } from './dispatcher.js';
export type { EventDraft, PubSubEvent } from './envelope.js';
export { PubSubAdminController } from './pubsub.controller.js';
export {
  eventBodyOf,
  outcomeBodyOf,
  type PublishOutcomeBody,
  type PubSubEventBody,
} from './pubsub-view.js';
export { PubSubDriver } from './pubsub.driver.js';
export type {
  ChannelSummary,
  Delivery,
  PublishOutcome,
  PubSubDriverContext,
  RecentQuery,
} from './pubsub.driver.js';
export { PubSubBackendDownError, PubSubClosedError } from './pubsub.errors.js';
export { PUBSUB_CHANNELS, PUBSUB_EVENTS, PUBSUB_LOG } from './pubsub.keys.js';
export { PubSubModule } from './pubsub.module.js';
export type { PubSubFailurePolicy, PubSubOptions } from './pubsub.options.js';
export { PubSubReceiver, type Topic } from './pubsub.receiver.js';
export { PubSubService, type RecentOptions, type Subscription } from './pubsub.service.js';
export { Subscribe } from './subscribe.decorator.js';
