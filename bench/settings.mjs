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

/** The one rate limit: never reached, and its window slides on several times in a measurement. */
export const LIMIT = 100_000;
export const WINDOW_MS = 2_000;

/** Requests under way at once, each on a connection of its own. */
export const CONNECTIONS = 50;
