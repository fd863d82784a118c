/**
 * The book of addresses in memory: gone when the layer is.
 *
 * It gives the answers of the book on disk, row for row, when time and randomness are the same.
 */
import { Clock, Effect, Layer, Random } from "effect"
import { format, type PeerAddress } from "../../core/PeerAddress.ts"
import * as Book from "../../core/PeerBook.ts"
import { PeerStore, PeerStoreError } from "../../services/PeerStore.ts"

/** Makes a book of its own each time it is built. */
export const layer = (options?: Book.PeerBookOptions): Layer.Layer<PeerStore> => Layer.effect(PeerStore, make(options))

/** The rows of a book. Who keeps them can make the book again as it was: a disk does. */
export interface PeerTable {
  /** In the order of the book, so that a drawing reads it as it stands. */
  rows: Array<Book.PeerRecord>
}

/** Makes a book over a table, which it alone changes from then on; without one, an empty book. See `layer`. */
export const make = (options?: Book.PeerBookOptions, over?: PeerTable): Effect.Effect<PeerStore["Service"]> =>
  Effect.sync(() => {
    const limits = Book.peerBookLimits(options)
    const table: PeerTable = over ?? { rows: [] }

    const now = Effect.gen(function*() {
      const random = yield* Random.Random
      return { nowMillis: yield* Clock.currentTimeMillis, draw: () => random.nextDoubleUnsafe(), limits }
    })

    /** Where the address stands, or would stand. */
    const placeOf = (address: PeerAddress): number => {
      let low = 0
      let high = table.rows.length
      while (low < high) {
        const middle = (low + high) >>> 1
        const row = table.rows[middle]
        if (row !== undefined && Book.compareAddresses(row.address, address) < 0) {
          low = middle + 1
        } else {
          high = middle
        }
      }
      return low
    }

    const find = (address: PeerAddress): Book.PeerRecord | undefined => {
      const row = table.rows[placeOf(address)]
      return row !== undefined && Book.compareAddresses(row.address, address) === 0 ? row : undefined
    }

    const write = (address: PeerAddress, entry: Book.PeerEntry): void => {
      const { failures, kind, nextAttemptMillis } = entry
      table.rows.splice(placeOf(address), find(address) === undefined ? 0 : 1, {
        address,
        kind,
        failures,
        nextAttemptMillis
      })
    }

    /** Makes room for as many as it can of the wanted, at the cost of nobody in `kept`; tells for how many there is room. */
    const makeRoom = (wanted: number, origin: Book.Origin, kept: ReadonlySet<string>): number => {
      const free = Math.max(0, limits.entries - table.rows.length)
      if (wanted <= free) {
        return wanted
      }
      const victims = new Set(
        table.rows.filter((row) => Book.isVictim(row, origin) && !kept.has(format(row.address)))
          .sort(Book.compareVictims)
          .slice(0, wanted - free)
      )
      table.rows = table.rows.filter((row) => !victims.has(row))
      return free + victims.size
    }

    const update = (
      operation: string,
      address: PeerAddress,
      origin: Book.Origin,
      change: (entry: Book.PeerEntry, moment: Book.Moment) => Book.PeerEntry
    ) =>
      Effect.flatMap(now, (moment) => {
        if (!Book.canBeEntered(address)) {
          return Effect.fail(
            new PeerStoreError({
              operation,
              message: `${format(address)} is not an IPv4 address with a port from 1 to 65535`,
              cause: undefined
            })
          )
        }
        const known = find(address)
        if (known !== undefined || makeRoom(1, origin, new Set()) > 0) {
          write(address, change(known ?? Book.newEntry(moment.nowMillis), moment))
        }
        return Effect.void
      })

    const draw = (matches: (row: Book.PeerRecord) => boolean, limit: number, { draw }: Book.Moment) => {
      const matching = table.rows.filter(matches)
      const { offset, picks } = Book.drawRows(matching.length, limits.sampleRows, limit, draw)
      return picks.flatMap((place) => matching[(offset + place) % matching.length] ?? [])
    }

    return {
      ensure: (addresses) =>
        Effect.map(now, ({ nowMillis }) => {
          const given = new Map(addresses.filter(Book.canBeEntered).map((address) => [format(address), address]))
          const kept = new Set([...given].flatMap(([key, address]) => find(address) === undefined ? [] : [key]))
          const missing = [...given].flatMap(([key, address]) => kept.has(key) ? [] : [address])
          const entered = missing.slice(0, makeRoom(missing.length, "told", kept))
          for (const address of entered) {
            write(address, Book.newEntry(nowMillis))
          }
          return kept.size + entered.length
        }),
      observe: (address, observation) =>
        update(
          "observe",
          address,
          observation.kind === "inbound" ? "told" : "own",
          (entry) => Book.observed(entry, observation)
        ),
      attempt: (address) => update("attempt", address, "own", Book.attempted),
      succeed: (address) => update("succeed", address, "own", Book.succeeded),
      reset: (address) => update("reset", address, "own", Book.reset),
      get: (address) => Effect.sync(() => find(address)),
      candidates: (kind, limit) =>
        Effect.map(now, (moment) =>
          draw(
            (row) =>
              row.kind === kind && row.nextAttemptMillis <= moment.nowMillis && row.failures <= limits.maxFailures,
            limit,
            moment
          )),
      toShare: (limit) =>
        Effect.map(now, (moment) => {
          const shared = (inbound: boolean) => (row: Book.PeerRecord) =>
            (row.kind === "inbound") === inbound && row.failures <= limits.maxFailuresToShare
          const called = draw(shared(false), limit, moment)
          return called.length < limit ? [...called, ...draw(shared(true), limit - called.length, moment)] : called
        }),
      purge: (ip) =>
        Effect.sync(() => {
          const before = table.rows.length
          table.rows = table.rows.filter((row) =>
            row.failures < limits.maxFailures || (ip !== undefined && row.address.ip !== ip)
          )
          return before - table.rows.length
        }),
      size: Effect.sync(() => table.rows.length)
    }
  })
