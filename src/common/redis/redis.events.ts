declare module '../events/event-stream.js' {
  interface BackplaneEvents {
    /** The gate of a connection closed its doors: its modules follow their failure policy now. */
    'redis.degraded': { readonly connection: string; readonly reason: string };
    /** A probe succeeded: Redis is asked again. */
    'redis.recovered': { readonly connection: string; readonly downMs: number };
  }
}

export {};
