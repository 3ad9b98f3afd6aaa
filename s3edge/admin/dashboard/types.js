// @ts-check
// What the admin API sends, as types for editors and checkers; docs/operations.md says what each means.

/** @typedef {{p50: number | null, p99: number | null}} Quantiles seconds */

/**
 * @typedef {object} Totals
 * @property {number} requests_per_second
 * @property {number} sent_per_second bytes
 * @property {number} received_per_second bytes
 * @property {number} failed_per_second
 * @property {number} shed_per_second
 * @property {number} inflight
 * @property {number} waiting
 * @property {number} connections
 * @property {Quantiles} first_byte
 * @property {number} stalled seconds per second
 * @property {number} hedges_per_second
 * @property {number} retries_per_second
 * @property {number} resumes_per_second
 */

/**
 * @typedef {object} Node
 * @property {string} name
 * @property {string} cluster
 * @property {string | null} zone
 * @property {number} tier
 * @property {number} weight
 * @property {number} share of the weight
 * @property {string} state
 * @property {number} state_seconds
 * @property {string} reason
 * @property {string} last_probe
 * @property {number} inflight
 * @property {number | null} limit
 * @property {number} ejected_by_workers
 * @property {number | null} throttled_to requests per second
 * @property {number} requests_per_second
 * @property {Quantiles} first_byte
 */

/**
 * @typedef {object} Limits
 * @property {Record<string, number>} [requests] per second: of all, read, write, list
 * @property {Record<string, number>} [bandwidth] bytes per second: received, sent
 * @property {number} [concurrency]
 * @property {number} [connections]
 */

/**
 * @typedef {object} Guarded
 * @property {string} state
 * @property {number} state_seconds
 * @property {number} step
 * @property {number | null} requests_per_second
 * @property {number | null} sent_per_second bytes
 * @property {string} reason
 */

/**
 * @typedef {object} Tenant
 * @property {string} name
 * @property {number} requests_per_second
 * @property {number} sent_per_second bytes
 * @property {number} received_per_second bytes
 * @property {number} inflight
 * @property {number} waiting
 * @property {number} waiting_per_second seconds
 * @property {number} stalled seconds per second
 * @property {number} shed_per_second
 * @property {number} failed_per_second
 * @property {{policy: string, limits: Limits}[]} limits
 * @property {Guarded | null} guard
 */

/** @typedef {{kind: string, name: string, state: string, rate: number | null}} Source */

/**
 * @typedef {object} Flow
 * @property {string} id
 * @property {string} tenant
 * @property {string} client
 * @property {string} operation
 * @property {string} bucket
 * @property {string} key
 * @property {string | null} node
 * @property {string} state
 * @property {number} sent bytes
 * @property {number} received bytes
 * @property {number | null} size bytes
 * @property {number} rate bytes per second
 * @property {number} age seconds
 * @property {number} resumes
 */

/**
 * @typedef {object} Edge
 * @property {string} version
 * @property {string | null} not_ready
 * @property {number} workers
 * @property {number} workers_ready
 * @property {number} loop_lag seconds
 * @property {"allowed" | "token" | "off"} changes
 */

/**
 * @typedef {object} Frame
 * @property {string} time
 * @property {number} interval seconds
 * @property {Edge} edge
 * @property {Totals} totals
 * @property {Node[]} nodes
 * @property {Tenant[]} tenants
 * @property {number} tenants_total
 * @property {Source[]} sources
 * @property {{total: number, matching: number, flows: Flow[]}} flows
 */

/**
 * @typedef {object} Decision
 * @property {number} sequence
 * @property {string} time
 * @property {number | null} worker
 * @property {string} event
 * @property {string} level
 * @property {string | null} node
 * @property {string} text
 * @property {string} [operation]
 * @property {string} [bucket]
 * @property {string} [key]
 */

export {};
