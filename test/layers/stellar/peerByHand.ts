/** An authenticated peer that is driven by hand: it says and grants only what the test tells it to, and hears only when asked. */
import { Deferred, Duration, Effect, Fiber } from "effect"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import type { PeerId } from "../../../src/core/PeerId.ts"
import type { Role } from "../../../src/core/Role.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import type { Link } from "../../../src/services/Transport.ts"
import {
  bytesOf,
  type Doctored,
  encode,
  type HandshakePeer,
  type Heard,
  makeHandshakePeer,
  sealed
} from "./handshakePeer.ts"
import { crypto, hashBytes, NOW_SECONDS, PASSPHRASE, patiently, type TestNode } from "./peerNode.ts"

const tcp = TcpTransport.make()

/** What can be chosen about a peer. */
export interface ByHandOptions {
  /** Everything secret about it follows from this. */
  readonly label?: string
  readonly doctored?: Doctored
  /** What it grants when it is authenticated; by default more than any test spends. `none`: nothing. */
  readonly grant?: "none" | { readonly messages: number; readonly bytes: number }
}

/** A peer, from when its link stands. */
export interface ByHand extends HandshakePeer {
  readonly role: Role
  /** Messages that were read, in order. */
  readonly heard: Array<Heard>
  /** Sends a message, sealed as the next frame. */
  readonly say: (message: StellarMessage) => void
  /** The same for a message in bytes, right or wrong. */
  readonly sayBytes: (message: Uint8Array) => void
  readonly grant: (messages: number, bytes: number) => void
  /** Reads on until a message of this kind comes, and gives it. */
  readonly hear: <Tag extends Heard["_tag"]>(tag: Tag) => Effect.Effect<Extract<Heard, { _tag: Tag }>>
  /** The messages of this kind among those that were read. */
  readonly heardOf: <Tag extends Heard["_tag"]>(tag: Tag) => ReadonlyArray<Extract<Heard, { _tag: Tag }>>
  /** Completes when the node has taken in all that was said before, and its answers to it were read. */
  readonly ask: Effect.Effect<void>
  /** Completes when also everything that waited in the node for this peer, and may be sent, was read. */
  readonly settle: Effect.Effect<void>
  /** Reads to the end of the link, and closes this side too. Gives the last words: code and text, if there are any. */
  readonly ending: Effect.Effect<string | undefined>
}

/** Whether a message is of this kind. */
const isOf = <Tag extends Heard["_tag"]>(message: Heard, tag: Tag): message is Extract<Heard, { _tag: Tag }> =>
  message._tag === tag

/** Demands these transactions. */
export const demand = (peer: ByHand, transactions: ReadonlyArray<Uint8Array>): void =>
  peer.say({ _tag: "FLOOD_DEMAND", floodDemand: { txHashes: transactions.map(hashBytes) } })

/** Which of these transactions it has heard, by their index, in the order in which they came. */
export const numbersHeard = (peer: ByHand, transactions: ReadonlyArray<Uint8Array>): ReadonlyArray<number> =>
  peer.heardOf("TRANSACTION").map(({ transaction }) =>
    transactions.findIndex((bytes) => Buffer.compare(bytes.subarray(4), transaction) === 0)
  )

let questions = 0

/** Sets a peer on a link. It has said nothing yet. */
const onLink = (link: Link, role: Role, label: string): ByHand => {
  const peer = makeHandshakePeer(crypto, link, role, { passphrase: PASSPHRASE, label, nowSeconds: NOW_SECONDS })
  const heard: Array<Heard> = []
  const next = Effect.tap(peer.next, (message) => Effect.sync(() => heard.push(message)))

  const readUntil = <A extends Heard>(what: string, isIt: (message: Heard) => message is A): Effect.Effect<A> =>
    patiently(
      `${label} hears ${what}`,
      Effect.gen(function*() {
        while (true) {
          const message = yield* next
          if (isIt(message)) return message
          if (message._tag === "LINK_ENDED") return yield* Effect.die(new Error(`the link ended, instead of ${what}`))
        }
      })
    )

  const sayBytes = (message: Uint8Array): void => peer.send(sealed(peer.channel(), message))
  const say = (message: StellarMessage): void => sayBytes(encode(message))
  const ask = Effect.suspend(() => {
    const txSetHash = bytesOf(crypto, `question ${questions++}`)
    say({ _tag: "GET_TX_SET", txSetHash })
    return readUntil(
      "its answer",
      (message): message is Heard =>
        message._tag === "DONT_HAVE" && Buffer.from(txSetHash).equals(message.dontHave.reqHash)
    )
  })

  return {
    ...peer,
    role,
    next,
    heard,
    say,
    sayBytes,
    grant: (numMessages, numBytes) => say({ _tag: "SEND_MORE_EXTENDED", sendMoreExtended: { numMessages, numBytes } }),
    hear: (tag) => readUntil(tag, (message) => isOf(message, tag)),
    heardOf: (tag) => heard.filter((message) => isOf(message, tag)),
    ask: Effect.asVoid(ask),
    // What was on offer leaves at the latest with the first answer, and what is in front of the second answer was read.
    settle: Effect.andThen(ask, Effect.asVoid(ask)),
    ending: patiently(
      `${label} sees the end`,
      Effect.gen(function*() {
        while ((yield* next)._tag !== "LINK_ENDED") { /* read on */ }
        yield* link.end
        const last = heard.findLast((message) => message._tag === "ERROR_MSG")
        return last?._tag === "ERROR_MSG"
          ? `${last.error.code} ${Buffer.from(last.error.msg).toString("latin1")}`
          : undefined
      })
    )
  }
}

/** A peer that has dialled the node and said nothing. */
export const stranger = Effect.fnUntraced(function*(node: TestNode, label = "stranger") {
  const link = yield* tcp.dial(node.address, { timeout: Duration.seconds(60) })
  return onLink(link, "caller", label)
})

const greet = (peer: ByHand, { grant }: ByHandOptions): void => {
  if (grant === "none") return
  peer.grant(grant?.messages ?? 1_000_000, grant?.bytes ?? 1_000_000_000)
}

/** A peer that has called the node, is authenticated, and has read up to the node's first question. */
export const caller = Effect.fnUntraced(function*(node: TestNode, options: ByHandOptions = {}) {
  const peer = yield* stranger(node, options.label ?? "caller")
  peer.sendHello(options.doctored)
  yield* peer.hear("HELLO")
  peer.sendAuth()
  yield* peer.hear("GET_SCP_STATE")
  greet(peer, options)
  yield* peer.ask
  return peer
})

/** A peer that the node has called, and that has said nothing; `connecting` is the node's call, and `address` where it called. */
export const called = Effect.fnUntraced(function*(node: TestNode, label = "called") {
  const arrived = yield* Deferred.make<Link>()
  const { address } = yield* tcp.listen(
    tcpAddress("127.0.0.1", 0),
    (link) => Effect.andThen(Deferred.succeed(arrived, link), Effect.never)
  )
  const connecting = yield* Effect.forkChild(node.overlay.connect(address))
  const peer = onLink(yield* patiently("the node dials", Deferred.await(arrived)), "acceptor", label)
  return { peer, address, connecting }
})

/** A peer that was called by the node, else as `caller`. */
export const acceptor = Effect.fnUntraced(function*(node: TestNode, options: ByHandOptions = {}) {
  const { address, connecting, peer } = yield* called(node, options.label ?? "acceptor")
  yield* peer.hear("HELLO")
  peer.sendHello({ ...options.doctored, hello: { listeningPort: address.port, ...options.doctored?.hello } })
  yield* peer.hear("AUTH")
  peer.sendAuth()
  yield* peer.hear("GET_SCP_STATE")
  const id: PeerId = yield* Fiber.join(connecting)
  if (id !== peer.id) return yield* Effect.die(new Error(`the node thinks that it called ${id}`))
  greet(peer, options)
  yield* peer.ask
  return peer
})
