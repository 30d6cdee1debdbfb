/**
 * What is the same for every contender. A difference between two of them is then a difference
 * between the packages.
 */

/** Where the one route is. */
export const PATH = '/products';

/** The answer: 1.2 kB of JSON. */
export const PAYLOAD = {
  page: 1,
  products: Array.from({ length: 10 }, (_, index) => ({
    id: 1_000 + index,
    name: `Product number ${index}`,
    price: 19.9 + index,
    currency: 'EUR',
    inStock: index % 3 !== 0,
    tags: ['new', 'sale', 'summer'],
  })),
};

/** Time to live of cached answers: none expires during a measurement. */
export const TTL_MS = 300_000;

/** Entries that one tag outdates. */
export const TAGGED_ENTRIES = 1_000_000;

/** The one rate limit: never reached, and its window slides on several times in a measurement. */
export const LIMIT = 100_000;
export const WINDOW_MS = 2_000;

/**
 * The limit of hits in memory: its window is so short that nobody reaches it. Cold clients are so
 * many that each comes again after its window only.
 */
export const HIT_WINDOW_MS = 100;
export const CLIENTS = 100_000;

/** Windows of three limits that hold together, in ms; none is reached. */
export const THREE_WINDOWS_MS = [2_000, 20_000, 200_000];

/** Requests under way at once, each on a connection of its own. */
export const CONNECTIONS = 50;

/** Where a session is opened, whose it is, and how long it lives. */
export const SIGN_IN_PATH = '/sign-in';
export const USER_ID = 'user-4711';
export const SESSION_TTL_MS = 86_400_000;

/** Time to live of a lock: none ends during a measurement. */
export const LOCK_TTL_MS = 10_000;

/**
 * One lock that many want. `crowds` of `waiters` who all come at once and hold it for `holdMs`; and
 * `handOffs` from one to the next while `handOffWaiters` wait. `patienceMs`: nobody waits for longer.
 */
export const CONTENTION = {
  waiters: 100,
  crowds: 3,
  holdMs: 2,
  handOffWaiters: 20,
  handOffs: 1_000,
  patienceMs: 60_000,
};

/** What is published, and the payload of jobs, each with a number of its own: 157 bytes of JSON. */
export const CHANNEL = 'orders.placed';
export const EVENT = {
  orderId: 4_711,
  customer: 'user-4711',
  total: 199.9,
  currency: 'EUR',
  items: [
    { product: 1_000, quantity: 2 },
    { product: 1_001, quantity: 1 },
  ],
};

/** Jobs, and how many of them are handled at once. */
export const QUEUE = 'orders';
export const JOB = 'place';
export const WORKERS = 50;
