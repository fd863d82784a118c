/**
 * The rules of the book of addresses, whatever it is kept on: how an entry changes, which rows are drawn, who makes room.
 *
 * The times of an entry are whole seconds, given in milliseconds: that is what a row on disk holds, and a book in memory
 * gives the same answers.
 */
import { backoffDefaults, type BackoffOptions, backoffSeconds } from "./Backoff.ts"
import { MAX_FAILURES, MAX_FAILURES_TO_SEND, PEER_SAMPLE_ROWS, PEER_STORE_ENTRIES } from "./limits.ts"
import type { PeerAddress } from "./PeerAddress.ts"
import { kindAfter, type Observed, type PeerKind } from "./PeerKind.ts"

/** What the book knows of an address. */
export interface PeerEntry {
  readonly kind: PeerKind
  /** Attempts since the last success. */
  readonly failures: number
  /** Unix time in milliseconds, a whole second, before which the address is not tried. */
  readonly nextAttemptMillis: number
}

/** One row of the book. */
export interface PeerRecord extends PeerEntry {
  readonly address: PeerAddress
}

/** The sizes of a book; `PeerBookOptions` in full. */
export interface PeerBookLimits {
  /** Rows at most. */
  readonly entries: number
  /** An address with more failures is no candidate; one with as many is deleted by a purge. */
  readonly maxFailures: number
  /** An address with more failures is not shared. */
  readonly maxFailuresToShare: number
  /** Matching rows, from a random place on, that a drawing picks from. */
  readonly sampleRows: number
  readonly backoff: BackoffOptions
}

/** What may be set of a book; the rest is as in `limits`. */
export type PeerBookOptions = Partial<PeerBookLimits>

/** Fills in what is not set. */
export const peerBookLimits = (options: PeerBookOptions = {}): PeerBookLimits => ({
  entries: PEER_STORE_ENTRIES,
  maxFailures: MAX_FAILURES,
  maxFailuresToShare: MAX_FAILURES_TO_SEND,
  sampleRows: PEER_SAMPLE_ROWS,
  backoff: backoffDefaults,
  ...options
})

/** What a change of an entry may use: the time, a source of random numbers in [0, 1), and the sizes. */
export interface Moment {
  readonly nowMillis: number
  readonly draw: () => number
  readonly limits: PeerBookLimits
}

const dottedQuad = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** Whether an address can stand in the book: a dotted quad and a port from 1 to 65535. */
export const canBeEntered = (address: PeerAddress): boolean =>
  Number.isInteger(address.port) && address.port > 0 && address.port <= 65_535 && dottedQuad.test(address.ip)

/** The order of the book: by the text of the IP, then by port. A drawing depends on it, so every layer keeps it. */
export const compareAddresses = (a: PeerAddress, b: PeerAddress): number =>
  a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port

const wholeSecond = (millis: number): number => Math.floor(millis / 1000) * 1000

const afterBackoff = (failures: number, { nowMillis, draw, limits }: Moment): number =>
  wholeSecond(nowMillis) + 1000 * backoffSeconds(failures, draw(), limits.backoff)

/** What is known of an address that nobody has tried: inbound, no failures, to be tried now. */
export const newEntry = (nowMillis: number): PeerEntry => ({
  kind: "inbound",
  failures: 0,
  nextAttemptMillis: wholeSecond(nowMillis)
})

/** The kind follows what was observed; failures and time stay. */
export const observed = (entry: PeerEntry, observation: Observed): PeerEntry => ({
  ...entry,
  kind: kindAfter(entry.kind, observation)
})

/** Before an attempt: one failure more, and a back-off by the failures before it. */
export const attempted = (entry: PeerEntry, moment: Moment): PeerEntry => ({
  ...entry,
  failures: entry.failures + 1,
  nextAttemptMillis: afterBackoff(entry.failures, moment)
})

/** After an attempt that says nothing of the address: its failure is taken back, and the time of the next attempt stays. */
export const withdrawn = (entry: PeerEntry): PeerEntry => ({ ...entry, failures: Math.max(0, entry.failures - 1) })

/** After a success: no failures, and the back-off of no failures. */
export const succeeded = (entry: PeerEntry, moment: Moment): PeerEntry => ({
  ...entry,
  failures: 0,
  nextAttemptMillis: afterBackoff(0, moment)
})

/** As new, but of the same kind: no failures, to be tried now. */
export const reset = (entry: PeerEntry, moment: Moment): PeerEntry => ({
  ...newEntry(moment.nowMillis),
  kind: entry.kind
})

/** Whether an entry may be dialled now: its time has come, and it has not failed too often. */
export const isDue = (entry: PeerEntry, { limits, nowMillis }: Moment): boolean =>
  entry.nextAttemptMillis <= nowMillis && entry.failures <= limits.maxFailures

/** Which of the matching rows are handed out: `length` rows are read from `offset` on, and of those the `picks` are taken. */
export interface Drawing {
  readonly offset: number
  /** After the last matching row comes the first. */
  readonly length: number
  /** Places from 0 to `length` - 1, each at most once, in random order. */
  readonly picks: ReadonlyArray<number>
}

/**
 * Draws up to `limit` of `matching` rows: a window of `windowRows` (or of `limit`, if that is more) from a random place on, shuffled.
 *
 * The window goes on at the start when it reaches the end. One that stops at the end, as stellar-core's does, hardly ever hands out
 * the first and the last rows of a long book.
 */
export const drawRows = (matching: number, windowRows: number, limit: number, draw: () => number): Drawing => {
  const length = Math.min(matching, Math.max(windowRows, limit))
  const offset = matching > length ? Math.floor(draw() * matching) : 0
  const places = Array.from({ length }, (_, place) => place)
  const count = Math.min(length, limit)
  // The first steps of a shuffle are enough for the first places of its result.
  for (let place = 0; place < count; place++) {
    const other = place + Math.floor(draw() * (length - place))
    const picked = places[other] ?? place
    places[other] = places[place] ?? other
    places[place] = picked
  }
  return { offset, length, picks: places.slice(0, count) }
}

/**
 * Who an address comes from decides whom it may displace in a full book.
 *
 * - `told`: somebody said so, as in a list of peers. It displaces an inbound address that has failed, or nobody:
 *   strangers must not be able to wash out of the book what is good.
 * - `placed`: somebody said so, and a place in the tables is free for it. It displaces the worst that is not preferred and stands in no
 *   table: rows that nobody draws from must not keep out what is drawn from.
 * - `own`: we dialled it, it shook hands, or the configuration names it. It displaces the worst that is not preferred.
 */
export type Origin = "told" | "placed" | "own"

/** Whether an entry may be displaced by a new address; `hasPlace` says whether it stands in a table. The worst first: see `compareVictims`. */
export const isVictim = (entry: PeerEntry, origin: Origin, hasPlace: boolean): boolean => {
  switch (origin) {
    case "told":
      return entry.kind === "inbound" && entry.failures > 0
    case "placed":
      return entry.kind !== "preferred" && !hasPlace
    case "own":
      return entry.kind !== "preferred"
  }
}

/** The order of displacement: inbound before outbound, most failures first, then the order of the book. */
export const compareVictims = (a: PeerRecord, b: PeerRecord): number =>
  a.kind !== b.kind
    ? (a.kind === "inbound" ? -1 : 1)
    : b.failures - a.failures || compareAddresses(a.address, b.address)
