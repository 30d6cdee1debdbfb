/** What the API page says of an endpoint for operators. */
export interface OperationNotes {
  readonly summary: string;
  /** Names of the query's parameters; those that may be left out end with `?`. */
  readonly query?: readonly string[];
  /** The body by example. */
  readonly body?: Readonly<Record<string, unknown>>;
}

const ROOT = '/api/v1/redis';
const LIMIT = `${ROOT}/rate-limit/{policy}/{subject}`;
const ENTRIES = `${ROOT}/cache/entries`;
const SESSION = `${ROOT}/sessions/{id}`;
const CHANNEL = `${ROOT}/pubsub/{channel}`;

const QUEUE = `${ROOT}/queues/{name}`;

const SESSION_EXAMPLE = { user_id: 'ada', data: { role: 'admin' }, device: 'curl', ttl: '1h' };

/** The library's controllers know nothing of OpenAPI; what they take and do is said here. */
export const OPERATIONS: Readonly<Record<string, OperationNotes>> = {
  [`GET ${ROOT}/health`]: { summary: 'As /health/redis' },
  [`GET ${ROOT}/rate-limit`]: { summary: 'The limits that are known, by name' },
  [`GET ${ROOT}/rate-limit/top`]: {
    summary: 'Who was denied most in the last minutes, by any limit',
    query: ['limit?'],
  },
  [`GET ${LIMIT}`]: { summary: 'How a subject (an IP address) stands under a limit' },
  [`DELETE ${LIMIT}`]: { summary: 'Lets a subject start anew under a limit' },
  [`POST ${LIMIT}/grant`]: {
    summary: 'Takes the latest hits of a subject back',
    body: { hits: 10 },
  },
  [`POST ${LIMIT}/block`]: {
    summary: 'Denies a subject everything for a time; the limit needs its option block',
    body: { duration: '1h' },
  },
  [`GET ${ROOT}/cache/stats`]: {
    summary: 'Hits, misses, stale answers and changes of this process, by namespace; its top keys',
  },
  [`GET ${ENTRIES}`]: { summary: 'One cached value and how long it still lives', query: ['key'] },
  [`PUT ${ENTRIES}`]: {
    summary: 'Stores a value',
    query: ['key'],
    body: { value: { any: 'JSON' }, ttl: '5m', tags: ['user:1'] },
  },
  [`DELETE ${ENTRIES}`]: { summary: 'Removes one entry', query: ['key'] },
  [`DELETE ${ROOT}/cache`]: {
    summary: 'Removes what matches (* any text, ? one character), or outdates a tag or a namespace',
    query: ['pattern?', 'tag?', 'namespace?', 'soft?'],
  },
  [`POST ${ROOT}/cache/warm`]: {
    summary: 'Runs one warm-up, or all of them, and tells what came of it',
    body: { name: 'ReportService.warm' },
  },
  [`GET ${ROOT}/locks`]: { summary: 'The locks that are held', query: ['limit?'] },
  [`DELETE ${ROOT}/locks`]: { summary: 'Takes a lock away from its holder', query: ['key'] },
  [`POST ${ROOT}/sessions`]: {
    summary: 'Opens a session of a user, or stores one under an id of your own',
    body: SESSION_EXAMPLE,
  },
  [`GET ${ROOT}/sessions`]: { summary: 'The sessions of a user', query: ['userId'] },
  [`DELETE ${ROOT}/sessions`]: { summary: 'Ends all sessions of a user', query: ['userId'] },
  [`GET ${SESSION}`]: { summary: 'One session, by public id' },
  [`PATCH ${SESSION}`]: {
    summary: 'Merges values into the data; null removes one',
    body: { data: { theme: 'dark', role: null } },
  },
  [`DELETE ${SESSION}`]: { summary: 'Ends a session' },
  'GET /auth/sessions/redis/{id}': { summary: 'As /api/v1/redis/sessions/{id}' },
  'DELETE /auth/sessions/redis/{id}': { summary: 'As /api/v1/redis/sessions/{id}' },
  [`GET ${ROOT}/queues`]: { summary: 'Every queue with how many jobs it has of each state' },
  [`GET ${QUEUE}`]: { summary: 'One queue' },
  [`POST ${QUEUE}/jobs`]: {
    summary: 'Adds a job',
    body: { name: 'welcome', payload: { to: 'ada@example.org' }, priority: 'high', delay: '1m' },
  },
  [`GET ${QUEUE}/jobs`]: { summary: 'Jobs of one state', query: ['state?', 'offset?', 'limit?'] },
  [`GET ${QUEUE}/jobs/{id}`]: { summary: 'One job' },
  [`DELETE ${QUEUE}/jobs/{id}`]: { summary: 'Removes a job that does not run' },
  [`POST ${QUEUE}/jobs/{id}/retry`]: { summary: 'Runs a job again that failed for good' },
  [`POST ${QUEUE}/dequeue`]: {
    summary: 'Takes the next job and completes it; waits for one as long as asked',
    query: ['timeoutMs?'],
  },
  [`POST ${QUEUE}/pause`]: { summary: 'No worker takes a job until it is resumed' },
  [`POST ${QUEUE}/resume`]: { summary: 'Workers take jobs again' },
  [`POST ${QUEUE}/clean`]: {
    summary: 'Removes old jobs of one state',
    body: { state: 'completed', older_than: '1d', limit: 1_000 },
  },
  [`GET ${QUEUE}/dead`]: { summary: 'Jobs that failed for good', query: ['offset?', 'limit?'] },
  [`POST ${QUEUE}/dead/{id}/replay`]: { summary: 'Runs one of them again' },
  [`GET ${ROOT}/pubsub/channels`]: { summary: 'Channels with recent events or subscribers' },
  [`POST ${CHANNEL}`]: { summary: 'Publishes a payload', body: { payload: { any: 'JSON' } } },
  [`GET ${CHANNEL}/events`]: { summary: 'The latest events, newest first', query: ['limit?'] },
  [`GET ${CHANNEL}/stream`]: { summary: 'The events from now on, as server-sent events' },
};
