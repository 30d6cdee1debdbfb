import fc from 'fast-check';
import { eventually } from '../../support/eventually.js';
import type { PubSubService, Subscription, Topic } from '../../../src/modules/pubsub/index.js';

/** One call of a sequence. Subscriptions are numbered in the order in which they are made. */
export type Step =
  | { readonly call: 'publish'; readonly channel: string }
  | { readonly call: 'subscribe'; readonly topic: Topic }
  | { readonly call: 'unsubscribe'; readonly number: number };

/**
 * What can be observed: what each subscription got, in order, and what is recorded of each channel.
 */
export interface Observed {
  readonly received: readonly (readonly string[])[];
  readonly recorded: Readonly<Record<string, readonly string[]>>;
}

/** Few, similar and awkward, so that they meet. */
const CHANNELS = ['a', 'b', 'ab', 'a*', 'é', 'a:b'];
const PATTERNS: readonly (readonly [glob: string, meaning: RegExp])[] = [
  ['*', /^.*$/u],
  ['a*', /^a.*$/u],
  ['a?', /^a.$/u],
  [String.raw`a\*`, /^a\*$/u],
  ['?', /^.$/u],
];

/** What the contract means, in the plainest form. */
export function expectedOf(steps: readonly Step[]): Observed {
  const subscriptions: { topic: Topic; isLive: boolean; received: string[] }[] = [];
  const recorded: Record<string, string[]> = {};
  for (const [at, step] of steps.entries()) {
    if (step.call === 'subscribe') {
      subscriptions.push({ topic: step.topic, isLive: true, received: [] });
    } else if (step.call === 'unsubscribe') {
      const ended = subscriptions[step.number % Math.max(1, subscriptions.length)];
      if (ended !== undefined) ended.isLive = false;
    } else {
      for (const one of subscriptions) {
        if (one.isLive && means(one.topic, step.channel))
          one.received.push(nameOf(at, step.channel));
      }
      recorded[step.channel] = [nameOf(at, step.channel), ...(recorded[step.channel] ?? [])];
    }
  }
  return { received: subscriptions.map(({ received }) => received), recorded };
}

/**
 * Runs the steps; waits for what the model says is to come, and then for a sign that no more does.
 */
export async function observe(steps: readonly Step[], pubsub: PubSubService): Promise<Observed> {
  const ends: Subscription[] = [];
  const received: string[][] = [];
  for (const [at, step] of steps.entries()) {
    if (step.call === 'subscribe') {
      const own: string[] = [];
      received.push(own);
      ends.push(await listen(pubsub, step.topic, own));
    } else if (step.call === 'unsubscribe') {
      await ends[step.number % Math.max(1, ends.length)]?.();
    } else {
      await published(pubsub, step.channel, nameOf(at, step.channel));
    }
  }
  await Promise.all(ends.map((end) => end()));
  const recorded: Record<string, string[]> = {};
  for (const channel of CHANNELS) {
    const events = await pubsub.recent({ channel });
    if (events.length > 0) recorded[channel] = events.map(({ payload }) => String(payload));
  }
  return { received, recorded };
}

function listen(pubsub: PubSubService, topic: Topic, own: string[]): Promise<Subscription> {
  const handler = (payload: unknown): void => void own.push(String(payload));
  return 'channel' in topic
    ? pubsub.subscribe(topic.channel, handler)
    : pubsub.subscribePattern(topic.pattern, handler);
}

/**
 * Publishes, and waits for the echo on a pattern of its own: all frames of one event come together.
 */
async function published(pubsub: PubSubService, channel: string, name: string): Promise<void> {
  let isHere = false;
  const end = await pubsub.subscribePattern('**', (payload) => {
    if (payload === name) isHere = true;
  });
  await pubsub.publish(channel, name);
  await eventually(() => isHere, { intervalMs: 1 });
  await new Promise(setImmediate);
  await end();
}

function means(topic: Topic, channel: string): boolean {
  if ('channel' in topic) return topic.channel === channel;
  const [, meaning] = PATTERNS.find(([glob]) => glob === topic.pattern) ?? [];
  return meaning?.test(channel) ?? false;
}

function nameOf(at: number, channel: string): string {
  return `${at}:${channel}`;
}

const topic = fc.oneof(
  fc.constantFrom(...CHANNELS).map((channel) => ({ channel })),
  fc.constantFrom(...PATTERNS).map(([pattern]) => ({ pattern })),
);

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ call: fc.constant('publish' as const), channel: fc.constantFrom(...CHANNELS) }),
    fc.record({ call: fc.constant('publish' as const), channel: fc.constantFrom(...CHANNELS) }),
    fc.record({ call: fc.constant('subscribe' as const), topic }),
    fc.record({ call: fc.constant('unsubscribe' as const), number: fc.nat(20) }),
  ),
  { maxLength: 12 },
);
