/**
 * In which order a peer's outbox is emptied.
 */

/**
 * The rank of a message that spends credit: 0 goes first. What spends no credit (answers, grants, pings) goes before all
 * of them. Which kind of message has which rank is the network's.
 */
export type Priority = 0 | 1 | 2 | 3

/** How many ranks there are. */
export const PRIORITIES = 4
