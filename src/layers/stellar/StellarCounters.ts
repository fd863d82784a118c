/**
 * What a node counts, in plain fields: a metric a frame would cost more than the frame.
 */

/** Counters of one node since its start. Mutable; `Overlay.counters` shows them. */
export const makeCounters = () => ({
  framesRead: 0,
  framesWritten: 0,
  bytesRead: 0,
  bytesWritten: 0,
  floodNew: 0,
  floodDuplicate: 0,
  floodRelayed: 0,
  floodForgotten: 0,
  /** Messages that had no verdict when their session ended: a later copy counts as new, unless the application failed on them. */
  floodUnjudged: 0,
  /** Flood messages beyond the peer's rate: dropped, credit returned. */
  floodOverRate: 0,
  /** Messages with a discriminant that the transaction grammar does not know. */
  floodUnknown: 0,
  /** Transactions, adverts and demands that came while the network was not followed. */
  ignoredWhileNotSynced: 0,
  /** Answers to questions that we did not ask. */
  ignoredWithoutOwner: 0,
  queriesAnswered: 0,
  /** Queries beyond the window's limit: dropped in silence. */
  queriesOverLimit: 0,
  transactionsTooLong: 0,
  outboxShedScp: 0,
  outboxShedTransactions: 0,
  outboxShedDemands: 0,
  outboxShedAdverts: 0,
  /** Times that reading paused because too much was in process. */
  readingPaused: 0
})

/** Counters of one node since its start. */
export type StellarCounters = ReturnType<typeof makeCounters>
