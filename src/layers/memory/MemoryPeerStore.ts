/**
 * The book of addresses in memory: gone when the layer is.
 *
 * It gives the answers of the book on disk, row for row, when time and randomness are the same.
 */
import { Clock, Effect, Layer, Random } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { AddressPlaces } from "../../core/AddressPlaces.ts"
import * as Tables from "../../core/AddressTables.ts"
import { HASH_KEY_BYTES } from "../../core/HalfSipHash.ts"
import { ANCHOR_PEERS } from "../../core/limits.ts"
import { format, type PeerAddress } from "../../core/PeerAddress.ts"
import * as Book from "../../core/PeerBook.ts"
import { PeerStore, PeerStoreError } from "../../services/PeerStore.ts"

/** Makes a book of its own each time it is built. */
export const layer = (options?: Book.PeerBookOptions): Layer.Layer<PeerStore> => Layer.effect(PeerStore, make(options))

/** What a book holds. Who keeps it can make the book again as it was: a disk does. */
export interface PeerTable {
  /** In the order of the book, so that a drawing reads it as it stands. */
  rows: Array<Book.PeerRecord>
  /** Who stands where in the tables; empty when it is missing. */
  places?: AddressPlaces
  /** Whom to call first after a start, in this order. */
  anchors?: ReadonlyArray<PeerAddress>
  /** The secret that the places depend on, `HASH_KEY_BYTES` bytes; drawn from the machine's secure random numbers when it is missing. */
  key?: Uint8Array
}

/** Makes a book over a table, which it alone changes from then on; without one, an empty book. See `layer`. */
export const make = (options?: Book.PeerBookOptions, over?: PeerTable): Effect.Effect<PeerStore["Service"]> =>
  Effect.gen(function*() {
    const limits = Book.peerBookLimits(options)
    const table: PeerTable = over ?? { rows: [] }
    const places = table.places ??= new AddressPlaces()
    const tables = new Tables.AddressTables(table.key ??= yield* newKey)
    const configured = new Tables.ConfiguredAddresses()

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

    const remove = (isGone: (row: Book.PeerRecord) => boolean): number => {
      const before = table.rows.length
      table.rows = table.rows.filter((row) => {
        if (!isGone(row)) return true
        places.remove(row.address)
        return false
      })
      return before - table.rows.length
    }

    /** Makes room for as many as it can of the wanted, at the cost of nobody in `kept`; tells for how many there is room. */
    const makeRoom = (wanted: number, origin: Book.Origin, kept: ReadonlySet<string>): number => {
      const free = Math.max(0, limits.entries - table.rows.length)
      if (wanted <= free) {
        return wanted
      }
      const victims = new Set(
        table.rows
          .filter((row) =>
            Book.isVictim(row, origin, places.of(row.address).length > 0) && !kept.has(format(row.address))
          )
          .sort(Book.compareVictims)
          .slice(0, wanted - free)
      )
      remove((row) => victims.has(row))
      return free + victims.size
    }

    const holder = (address: PeerAddress | undefined): Tables.Holder | undefined => {
      const row = address === undefined ? undefined : find(address)
      return row && { address: row.address, failures: row.failures, places: places.of(row.address) }
    }

    const apply = (changes: ReadonlyArray<Tables.Change>): void => {
      for (const change of changes) {
        switch (change._tag) {
          case "Put":
            places.put(change.place, change.address)
            break
          case "Clear":
            places.clear(change.place)
            break
          case "Forget": {
            const row = find(change.address)
            if (row !== undefined && configured.mayForget(row)) table.rows.splice(placeOf(row.address), 1)
          }
        }
      }
    }

    const decided = (decision: Tables.Decision): ReadonlyArray<Tables.Change> =>
      Tables.decide(
        decision,
        (question) => holder(question._tag === "Of" ? question.address : places.at(question.place))
      )

    const told = (address: PeerAddress, source: PeerAddress, { nowMillis }: Book.Moment): void => {
      const changes = decided(tables.told(address, source.ip))
      if (changes.length === 0) return
      if (find(address) === undefined) {
        if (makeRoom(1, "placed", new Set()) === 0) return
        write(address, Book.newEntry(nowMillis))
      }
      apply(changes)
    }

    const dueIn = (name: Tables.TableName, moment: Book.Moment): ReadonlyArray<Tables.Told> =>
      places.residents(name).filter(([, address]) => {
        const row = find(address)
        return row !== undefined && Book.isDue(row, moment)
      })

    const refused = (operation: string, address: PeerAddress) =>
      new PeerStoreError({
        operation,
        message: `${format(address)} is not an IPv4 address with a port from 1 to 65535`,
        cause: undefined
      })

    /** Changes a row, and then what follows from that if the address has a row now. */
    const update = (
      operation: string,
      address: PeerAddress,
      origin: Book.Origin,
      change: (entry: Book.PeerEntry, moment: Book.Moment) => Book.PeerEntry,
      then: (moment: Book.Moment) => void = () => {}
    ) =>
      Effect.flatMap(now, (moment) => {
        if (!Book.canBeEntered(address)) return Effect.fail(refused(operation, address))
        const known = find(address)
        if (known !== undefined || makeRoom(1, origin, new Set()) > 0) {
          write(address, change(known ?? Book.newEntry(moment.nowMillis), moment))
          then(moment)
        }
        return Effect.void
      })

    const succeed = (operation: string, address: PeerAddress) =>
      update(operation, address, "own", Book.succeeded, () => apply(decided(tables.answered(address))))

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
      learn: (addresses, source) =>
        Effect.map(now, (moment) => {
          const given = new Map(addresses.filter(Book.canBeEntered).map((address) => [format(address), address]))
          for (const address of given.values()) told(address, source, moment)
          return [...given.values()].filter((address) => places.of(address).length > 0).length
        }),
      observe: (address, observation) =>
        observation.kind === "inbound"
          ? update(
            "observe",
            address,
            "told",
            (entry) => Book.observed(entry, observation),
            (moment) => told(address, address, moment)
          )
          : update("observe", address, "own", (entry) => Book.observed(entry, observation)),
      attempt: (address) => update("attempt", address, "own", Book.attempted),
      withdraw: (address) =>
        Effect.suspend(() => {
          if (!Book.canBeEntered(address)) return Effect.fail(refused("withdraw", address))
          const known = find(address)
          if (known !== undefined) write(address, Book.withdrawn(known))
          return Effect.void
        }),
      succeed: (address) => succeed("succeed", address),
      reset: (address) => update("reset", address, "own", Book.reset, () => configured.add(address)),
      get: (address) => Effect.sync(() => find(address)),
      candidates: (kind, limit) =>
        Effect.map(now, (moment) => draw((row) => row.kind === kind && Book.isDue(row, moment), limit, moment)),
      toDial: (limit) =>
        Effect.map(now, (moment) =>
          Tables.drawDials(
            dueIn("tried", moment).map(([, address]) => address),
            dueIn("new", moment),
            limit,
            moment.draw
          ).flatMap((address) => find(address) ?? [])),
      feeler: Effect.map(now, (moment) => {
        const tests = places.residents("waiting").flatMap(([at]) =>
          holder(places.at({ table: "tried", at }))?.address ?? []
        )
        return Tables.drawFeeler(tests, dueIn("new", moment), moment.draw)
      }),
      tested: (address, answered) =>
        answered
          ? succeed("tested", address)
          : Effect.flatMap(now, (moment) => {
            if (!Book.canBeEntered(address)) return Effect.fail(refused("tested", address))
            const known = find(address)
            if (known !== undefined) {
              write(address, Book.attempted(known, moment))
              apply(decided(tables.silent(address)))
            }
            return Effect.void
          }),
      anchors: Effect.sync(() => table.anchors ?? []),
      setAnchors: (addresses) =>
        Effect.sync(() => {
          table.anchors = addresses.filter(Book.canBeEntered).slice(0, ANCHOR_PEERS)
        }),
      residents: (name) => Effect.sync(() => places.residents(name).map(([, address]) => address)),
      toShare: (limit) =>
        Effect.map(now, (moment) => {
          const shared = (inbound: boolean) => (row: Book.PeerRecord) =>
            (row.kind === "inbound") === inbound && row.failures <= limits.maxFailuresToShare
          const called = draw(shared(false), limit, moment)
          return called.length < limit ? [...called, ...draw(shared(true), limit - called.length, moment)] : called
        }),
      purge: (ip) =>
        Effect.sync(() =>
          remove((row) => row.failures >= limits.maxFailures && (ip === undefined || row.address.ip === ip))
        ),
      size: Effect.sync(() => table.rows.length)
    }
  })

const newKey = Effect.flatMap(SecureRandom.SecureRandom, (random) => random.randomBytes(HASH_KEY_BYTES)).pipe(
  Effect.provide(SecureRandom.layerWebCrypto)
)
