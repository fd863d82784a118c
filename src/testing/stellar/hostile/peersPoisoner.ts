/**
 * The poisoner of PEERS: it tells those who call it of addresses that lead nowhere, or where they should not go.
 */
import { Duration, Effect, Random } from "effect"
import { type PeerAddress, tcpAddress } from "../../../core/PeerAddress.ts"
import { DEFAULT_PORT, MAX_PEERS_PER_MESSAGE } from "../../../core/stellar/limits.ts"
import type { StellarMessage } from "../../../core/stellar/messages.ts"
import { acceptor, type AcceptorOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface PeersPoisonerOptions extends AcceptorOptions {
  /** What it tells, at most 100. Default: one of each kind of address that is nobody's or a neighbour's, then made-up ones. */
  readonly addresses?: ReadonlyArray<PeerAddress>
  /** How often it tells it. Default: twice, where once is allowed. */
  readonly lists?: number
  /** Time between two lists. Default: a second. */
  readonly every?: Duration.Duration
}

type Told = Extract<StellarMessage, { readonly _tag: "PEERS" }>["peers"][number]

/** Of this machine, of its cable, of private networks, of nobody, and impossible ports. */
const FORBIDDEN: ReadonlyArray<PeerAddress> = [
  ...[
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.0.1",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255"
  ].map((ip) => tcpAddress(ip, DEFAULT_PORT)),
  tcpAddress("8.8.8.8", 0),
  tcpAddress("8.8.8.8", 65_536)
]

/** How many IPv4 addresses of its default list a node of an open network may not believe. */
export const FORBIDDEN_ADDRESSES = FORBIDDEN.length

const told = ({ ip, port }: PeerAddress): Told => ({
  ip: { _tag: "IPv4", ipv4: Uint8Array.from(ip.split("."), Number) },
  port,
  numFailures: 0
})

/** A place in IPv6, which no node of this protocol dials. */
const SIXTH: Told = { ip: { _tag: "IPv6", ipv6: new Uint8Array(16).fill(1) }, port: DEFAULT_PORT, numFailures: 0 }

/** Any address from 1.0.0.0 to 9.255.255.255: not of the blocks above, and most likely nobody's peer. */
const madeUp = Effect.gen(function*() {
  const number = () => Random.nextIntBetween(0, 255)
  const first = yield* Random.nextIntBetween(1, 9)
  return told(tcpAddress(`${first}.${yield* number()}.${yield* number()}.${yield* number()}`, DEFAULT_PORT))
})

/** Tells poisoned lists of addresses. */
export const peersPoisoner = acceptor<PeersPoisonerOptions>(
  {
    name: "peers-poisoner",
    does: "Answers who calls it with a hundred addresses that lead nowhere or inwards, and then once more.",
    demands:
      "Believe none that is nobody's or local, dial the rest a few at a time by the book, and end it at the second list.",
    connections: 1
  },
  (_tools, { addresses, every = Duration.seconds(1), lists = 2 }) =>
    Effect.succeed((session) =>
      session.inside(Effect.gen(function*() {
        const peers = addresses?.slice(0, MAX_PEERS_PER_MESSAGE).map(told) ?? [
          SIXTH,
          ...FORBIDDEN.map(told),
          ...yield* Effect.replicateEffect(madeUp, MAX_PEERS_PER_MESSAGE - FORBIDDEN.length - 1)
        ]
        for (let list = 0; list < lists; list++) {
          yield* session.say({ _tag: "PEERS", peers })
          yield* Effect.sleep(every)
        }
      }))
    )
)
