/**
 * Links inside one process: a network is a value, and each layer over it is one machine there.
 *
 * Nothing here makes a promise or a timer. Bytes, ends and wake-ups travel as tasks of the Scheduler, so a sender never
 * runs the code of a receiver, and TestClock or a simulated world governs all of it.
 */
import type { Scope } from "effect"
import { Effect, Layer, Scheduler } from "effect"
import * as limits from "../../core/limits.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format, tcpAddress } from "../../core/PeerAddress.ts"
import type { Link } from "../../services/Transport.ts"
import { DialError, LinkError, ListenError, Transport } from "../../services/Transport.ts"
import * as AcceptedLinks from "../runtime/AcceptedLinks.ts"
import { LinkReader } from "../runtime/LinkReader.ts"

/** A network inside the process. Two networks know nothing of each other, whatever the addresses. */
export interface MemoryNetwork {
  /** Addresses, as `format` writes them, that never answer: a dial waits for its timeout. A test adds and deletes them. */
  readonly silent: Set<string>
  /** Who listens, by address. */
  readonly doors: Map<string, Door>
  /** Gives a port that nobody listens on at `ip`, or `undefined` if there is none. */
  readonly freePort: (ip: string) => number | undefined
}

/** Lets a dialler in, and gives it its end of the link. */
type Door = (from: PeerAddress, dialler: Scheduler.SchedulerDispatcher) => End

/** Makes an empty network. */
export const makeNetwork = (): MemoryNetwork => {
  const doors = new Map<string, Door>()
  const ports = 65_536 - limits.FIRST_DYNAMIC_PORT
  let next = 0
  return {
    silent: new Set(),
    doors,
    freePort: (ip) => {
      for (let tried = 0; tried < ports; tried++) {
        const port = limits.FIRST_DYNAMIC_PORT + next
        next = (next + 1) % ports
        if (!doors.has(format(tcpAddress(ip, port)))) return port
      }
      return undefined
    }
  }
}

/** Keeps the promise of `Transport` inside the process: a machine of `network` that has the one address `ip`. */
export const layer = (network: MemoryNetwork, options: { readonly ip: string }): Layer.Layer<Transport> =>
  Layer.effect(Transport, make(network, options))

/** The transport itself. All that its links do goes through one dispatcher of the Scheduler that is here now. */
export const make = Effect.fnUntraced(function*(network: MemoryNetwork, { ip }: { readonly ip: string }) {
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()

  const dial: Transport["Service"]["dial"] = (address, { timeout }) =>
    Effect.suspend(() => {
      const key = format(address)
      if (network.silent.has(key)) {
        return Effect.timeoutOrElse(Effect.never, {
          duration: timeout,
          orElse: () => Effect.fail(new DialError({ reason: "timeout", address: key, message: "no answer in time" }))
        })
      }
      const door = network.doors.get(key)
      if (door === undefined) {
        return Effect.fail(new DialError({ reason: "refused", address: key, message: "nobody listens there" }))
      }
      const from = tcpAddress(ip, network.freePort(ip) ?? 0)
      return Effect.map(Effect.acquireRelease(Effect.sync(() => door(from, dispatcher)), (end) => end.close), linkOf)
    })

  const listen: Transport["Service"]["listen"] = Effect.fnUntraced(function*(wanted, onLink) {
    const refuse = (reason: ListenError["reason"], message: string) =>
      new ListenError({ reason, address: format(wanted), message })
    if (wanted.ip !== ip && wanted.ip !== "0.0.0.0") {
      return yield* refuse("addressNotAvailable", `this machine has the address ${ip}`)
    }
    const port = wanted.port === 0 ? network.freePort(ip) : wanted.port
    const address = tcpAddress(ip, port ?? 0)
    const key = format(address)
    if (port === undefined || network.doors.has(key)) return yield* refuse("addressInUse", "somebody listens there")

    const accept = yield* AcceptedLinks.make(onLink)
    const door: Door = (from, dialler) => {
      const [theirs, ours] = makePair({ address: from, dispatcher: dialler }, { address, dispatcher })
      accept(ours.link, ours.close)
      return theirs
    }
    network.doors.set(key, door)
    yield* Effect.addFinalizer(() => Effect.sync(() => network.doors.delete(key)))
    return { address }
  }, Effect.uninterruptible)

  return Transport.of({ dial, listen })
})

/** Makes a link and gives both its ends, for as long as the Scope lives. */
export const linkPair: Effect.Effect<readonly [Link, Link], never, Scope.Scope> = Effect.gen(function*() {
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
  const pair = makePair(
    { address: tcpAddress("127.0.0.1", limits.FIRST_DYNAMIC_PORT), dispatcher },
    { address: tcpAddress("127.0.0.2", limits.FIRST_DYNAMIC_PORT), dispatcher }
  )
  yield* Effect.addFinalizer(() => Effect.andThen(pair[0].close, pair[1].close))
  return [pair[0].link, pair[1].link]
})

/**
 * Cuts a link of this module, as something between two machines would: both ends are reset, behind the bytes that
 * already came over. Any other link is left alone.
 */
export const cut = (link: Link): Effect.Effect<void> => Effect.sync(() => cuts.get(link)?.())

const cuts = new WeakMap<Link, () => void>()

/** One end of a link, for who owns it. */
interface End {
  readonly link: Link
  /** Leaves: what was sent still arrives. The other side is reset if bytes of its own were left unread. */
  readonly close: Effect.Effect<void>
  readonly cut: () => void
}

const linkOf = (end: End): Link => end.link

/** Where an end is, and whose turn it is when something happens there. */
interface Place {
  readonly address: PeerAddress
  readonly dispatcher: Scheduler.SchedulerDispatcher
}

const makePair = (a: Place, b: Place): readonly [End, End] => {
  const toB: Pipe = makePipe(b.dispatcher, a.dispatcher, (defect) => toA.die(defect))
  const toA: Pipe = makePipe(a.dispatcher, b.dispatcher, (defect) => toB.die(defect))
  const cutBoth = () => {
    const error = new LinkError({ reason: "reset", message: "the link was cut" })
    toB.finish(error)
    toA.finish(error)
  }
  const end = (here: Place, there: Place, incoming: Pipe, outgoing: Pipe): End => {
    const link: Link = {
      localAddress: here.address,
      remoteAddress: there.address,
      read: incoming.read,
      send: outgoing.send,
      onWritable: outgoing.onWritable,
      isWritable: outgoing.isWritable,
      end: outgoing.end
    }
    cuts.set(link, cutBoth)
    const close = Effect.sync(() => {
      const unread = incoming.abandon()
      outgoing.finish(
        unread ? new LinkError({ reason: "reset", message: "the other side left without reading" }) : ended()
      )
    })
    return { link, close, cut: cutBoth }
  }
  return [end(a, b, toA, toB), end(b, a, toB, toA)]
}

const ended = () => new LinkError({ reason: "ended", message: "the other side has ended" })

/** One direction of a link: a bounded queue with a reader at its end. */
interface Pipe extends Pick<Link, "read" | "send" | "onWritable" | "isWritable" | "end"> {
  /** Nothing more is taken; behind what was, the reader hears this. A later call counts until the reader has heard. */
  readonly finish: (error: LinkError) => void
  /** The reader's side is gone. Tells whether it left bytes behind. */
  readonly abandon: () => boolean
  /** Makes what a callback of the reader's side threw the reader's defect. */
  readonly die: (defect: unknown) => void
}

interface Chunk {
  readonly bytes: Uint8Array
  /** Whether the bytes are a copy of ours; else the sender gave its buffer away. */
  readonly copied: boolean
}

const makePipe = (
  readersTurn: Scheduler.SchedulerDispatcher,
  writersTurn: Scheduler.SchedulerDispatcher,
  writerDies: (defect: unknown) => void
): Pipe => {
  // Bounded by MEMORY_LINK_BYTES and one buffer that was given away: after that the sender waits.
  let chunks: Array<Chunk> = []
  let queuedBytes = 0
  let full = false
  let closed = false
  let last: LinkError | undefined
  let notify: (() => void) | undefined
  const waitingForRoom = new Set<() => void>()

  let flowing = false
  const flow = () => {
    if (flowing) return
    flowing = true
    readersTurn.scheduleTask(() => {
      flowing = false
      let taken = 0
      for (let chunk = chunks[0]; chunk !== undefined && reader.isReading(); chunk = chunks[taken]) {
        taken++
        queuedBytes -= chunk.bytes.length
        reader.deliver(chunk.bytes)
        // Lent means lent: who kept the chunk without copying shall not find it whole.
        if (chunk.copied) chunk.bytes.fill(0)
      }
      chunks = chunks.slice(taken)
      if (chunks.length > 0) return
      makeRoom()
      if (last !== undefined) reader.finish(last)
    }, 0)
  }

  const makeRoom = () => {
    if (!full) return
    full = false
    writersTurn.scheduleTask(() => {
      // Since this was scheduled the sender may have seen for itself that there is room, and filled it again.
      if (full) return
      const waiting = [...waitingForRoom]
      waitingForRoom.clear()
      for (const resume of waiting) resume()
      try {
        notify?.()
      } catch (defect) {
        writerDies(defect)
      }
    }, 0)
  }

  const finish = (error: LinkError) => {
    closed = true
    last = error
    flow()
  }

  const reader = new LinkReader({ start: flow, stop: () => {} })

  return {
    read: (sink) => reader.read(sink),
    send: (bytes) => {
      if (closed || bytes.length === 0) return true
      queuedBytes += bytes.length
      const fits = !full && queuedBytes <= limits.MEMORY_LINK_BYTES
      chunks.push(fits ? { bytes: new Uint8Array(bytes), copied: true } : { bytes, copied: false })
      if (!fits) full = true
      flow()
      return fits
    },
    onWritable: (next) => {
      notify = next
    },
    isWritable: () => !full,
    end: Effect.callback((resume) => {
      if (!closed) finish(ended())
      if (!full) return resume(Effect.void)
      const done = () => resume(Effect.void)
      waitingForRoom.add(done)
      return Effect.sync(() => waitingForRoom.delete(done))
    }),
    finish: (error) => {
      finish(error)
      // A link that has ended takes everything, to nowhere.
      makeRoom()
    },
    abandon: () => {
      const unread = queuedBytes > 0
      chunks = []
      queuedBytes = 0
      finish(new LinkError({ reason: "failed", message: "closed on this side" }))
      makeRoom()
      return unread
    },
    die: (defect) => reader.die(defect)
  }
}
