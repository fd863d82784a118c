/** Our node and the connector's with a session between them, in either role. */
import { Effect } from "effect"
import type { PeerId } from "../../src/core/PeerId.ts"
import type { Overrides } from "../../src/services/stellar/StellarConfig.ts"
import { type Bell, makeBell } from "./Bell.ts"
import { type Connector, type ConnectorOptions, type ConnectorPeer, makeConnector } from "./jsConnector.ts"
import { addressOf, makeOurNode, type OurNode, type OurNodeOptions, PASSPHRASE } from "./ourNode.ts"

/** What the connector does: it is the one that dials us, or the one that we dial. */
export type ConnectorRole = "that dials us" | "that we dial"

/** What can be chosen. */
export interface AcquaintanceOptions extends Pick<ConnectorOptions, "consumesWhenTold" | "onMessage"> {
  readonly role: ConnectorRole
  readonly config?: Overrides
  readonly judge?: OurNodeOptions["judge"]
  /** Done with our node before the connector meets it. */
  readonly before?: (node: OurNode) => Effect.Effect<void>
}

/** Two nodes with a session between them. */
export interface Acquaintance {
  readonly bell: Bell
  readonly node: OurNode
  readonly connector: Connector
  /** The connector's end. */
  readonly peer: ConnectorPeer
  /** The connector's name. */
  readonly id: PeerId
}

/** Makes both nodes and completes when each is through with the handshake and has the other's first grant. */
export const acquainted = Effect.fnUntraced(function*(options: AcquaintanceOptions) {
  const { before, config, judge, role, ...ofConnector } = options
  const bell = makeBell()
  const node = yield* makeOurNode(bell, {
    ...config === undefined ? {} : { config },
    ...judge === undefined ? {} : { judge }
  })
  const connector = yield* makeConnector(bell, { passphrase: PASSPHRASE, ...ofConnector })
  if (before !== undefined) yield* before(node)
  if (role === "that dials us") connector.dial(addressOf(node))
  else yield* node.overlay.connect(yield* connector.listen)
  yield* bell.until(
    "both are through with the handshake",
    () => connector.peers[0]?.isReady === true && node.events.some(({ _tag }) => _tag === "PeerJoined")
  )
  const [peer] = connector.peers
  const [info] = yield* node.overlay.peers
  if (peer === undefined || info === undefined) return yield* Effect.die(new Error("they lost each other"))
  yield* barrier(bell, peer)
  return { bell, node, connector, peer, id: info.id } satisfies Acquaintance
})

/** GET_SCP_QUORUMSET for a set that nobody has. */
const unanswerable = (number: number): Uint8Array =>
  Uint8Array.of(0, 0, 0, 9, ...new Uint8Array(28).fill(0xbb), number >>> 24, number >>> 16, number >>> 8, number)

/**
 * Completes when each side has taken in all that the other had said before: a question to us is asked behind what the connector
 * had to say, and answered behind what we had to say to it.
 */
export const barrier = Effect.fnUntraced(function*(bell: Bell, peer: ConnectorPeer) {
  const before = peer.heardOf("dontHave").length
  peer.send(unanswerable(before))
  yield* bell.until("the answer behind all others", () => peer.heardOf("dontHave").length > before)
})
