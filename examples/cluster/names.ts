/**
 * What nodes, clients and the load balancer call by the same name.
 *
 * Rule: nothing here depends on where it runs; the page reads it too.
 */

/** The nodes: each name is the first part of the ids of its sessions, and the load balancer knows it by that. */
export const NODES: readonly ["1", "2", "3"] = ["1", "2", "3"];
/** Of the log's keys in Redis. */
export const PREFIX = "example-cluster";
/** The only event that is logged. */
export const TICK = "tick";
/** The same number, sent as Socket.IO sends it, to the clients that are not wrapped. */
export const PLAIN_TICK = "plain tick";
