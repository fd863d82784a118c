/**
 * The handshake with the connector over TCP, in both roles, without the rest of a node: each learns who the other is, and each
 * opens what the other seals.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Layer, Redacted } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import { decodeMessage } from "../../src/core/stellar/messages.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import * as StellarFraming from "../../src/layers/stellar/StellarFraming.ts"
import * as StellarHandshake from "../../src/layers/stellar/StellarHandshake.ts"
import * as StellarIdentity from "../../src/layers/stellar/StellarIdentity.ts"
import { type Admission, type Established, Handshake } from "../../src/services/Handshake.ts"
import { privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import { type Link, Transport } from "../../src/services/Transport.ts"
import { makeBell } from "./Bell.ts"
import { keypairOf } from "./floodItems.ts"
import { type Connector, type ConnectorPeer, makeConnector } from "./jsConnector.ts"
import { PASSPHRASE } from "./ourNode.ts"

const us = keypairOf("our node")
const them = keypairOf("their node")
const OUR_VERSION = "effect-overlay of the interop tests"
const THEIR_VERSION = "the connector, 7.0.1"

const handshakeLayer = StellarHandshake.layer({
  ...privateNetwork(PASSPHRASE),
  versionText: OUR_VERSION
}).pipe(
  Layer.provide(StellarIdentity.layer(Redacted.make(us.secret()))),
  Layer.provide([SecureRandom.layerWebCrypto, NodeCrypto.layer, StellarFraming.layer])
)

const admission: Admission = {
  listeningPort: 11_725,
  isBanned: () => Effect.succeed(false),
  admit: () => Effect.succeed(true),
  greetings: () => Effect.succeed([])
}

/** The first message behind the handshake, opened by our channel. */
const firstMessage = Effect.fnUntraced(function*({ channel, decoder }: Established, link: Link) {
  let message: Uint8Array | undefined
  const take = (chunk: Uint8Array): boolean => {
    decoder.push(chunk, (bytes, start, end) => {
      assert.strictEqual(channel.open(bytes, start, end), "message")
      message = bytes.slice(start + channel.headBytes, end - channel.tailBytes)
      return false
    })
    return message === undefined
  }
  if (take(new Uint8Array(0))) yield* link.read(take)
  return decodeMessage(message ?? new Uint8Array(0))
})

/** Both sides know each other's key, software and versions; and frames of each open at the other. */
const assertAcquainted = Effect.fnUntraced(
  function*(established: Established, link: Link, connector: Connector, peer: ConnectorPeer) {
    const { claim } = established
    assert.strictEqual(claim.id, them.publicKey())
    assert.strictEqual(connector.id, them.publicKey())
    assert.strictEqual(claim.versionText, THEIR_VERSION)
    assert.deepStrictEqual(claim.versions, { ledger: 28, overlay: 42, overlayMin: 38 })
    // It says 11625 whatever it is configured with.
    assert.deepStrictEqual(claim.address, tcpAddress("127.0.0.1", 11_625))

    assert.strictEqual(peer.connection.remotePublicKey, us.publicKey())
    assert.deepStrictEqual(peer.connection.remoteNodeInfo, {
      ledgerVersion: 28,
      overlayVersion: 42,
      overlayMinVersion: 38,
      versionString: OUR_VERSION,
      networkId: Buffer.from(NodeCrypto.make().sha256(new TextEncoder().encode(PASSPHRASE)), "binary").toString(
        "base64"
      )
    })

    const grant = yield* firstMessage(established, link)
    assert.deepStrictEqual(
      grant,
      decodeMessage(Uint8Array.of(0, 0, 0, 20, 0, 0, 0, 200, 0, 4, 0x93, 0xe0)),
      "its first grant: 200 messages, 300,000 bytes"
    )
    const question = Uint8Array.of(0, 0, 0, 12, 0, 0, 0, 7)
    const record = new Uint8Array(question.length + established.channel.overheadBytes)
    established.channel.seal(question, record, 0)
    link.send(record)
  }
)

/** Its certificate ends at a time in milliseconds: where seconds are meant that is far ahead, and good. */
const assertCertificateOfMilliseconds = ({ claim }: Established): void => {
  assert.isAbove(Number(claim.certificateExpiresAtSeconds) - Date.now(), 0)
}

const setting = Effect.gen(function*() {
  const bell = makeBell()
  const connector = yield* makeConnector(bell, {
    passphrase: PASSPHRASE,
    seed: them.secret(),
    versionText: THEIR_VERSION
  })
  const handshake = yield* Effect.map(Layer.build(Layer.fresh(handshakeLayer)), Context.get(Handshake))
  return { bell, connector, handshake, transport: yield* Transport }
})

describe("the handshake with js-stellar-node-connector", () => {
  it.live("when it dials us, tells each who the other is", () =>
    Effect.gen(function*() {
      const { bell, connector, handshake, transport } = yield* setting
      const opened = yield* Deferred.make<readonly [Link, Established]>()
      const { address } = yield* transport.listen(tcpAddress("127.0.0.1", 0), (link) =>
        handshake.open(link, "acceptor", admission).pipe(
          Effect.flatMap((established) =>
            Deferred.succeed(opened, [link, established] as const)
          ),
          Effect.andThen(Effect.never),
          Effect.orDie
        ))
      const peer = connector.dial(address)
      yield* bell.until("the connector is through with the handshake", () => peer.isReady)
      const [link, established] = yield* Deferred.await(opened)
      yield* assertAcquainted(established, link, connector, peer)
      yield* bell.until("our question", () => peer.heard.length > 0)
      assert.deepStrictEqual(peer.heard.map(({ name }) => name), ["getScpState"])
      assertCertificateOfMilliseconds(established)
    }).pipe(Effect.provide(TcpTransport.layer())))

  it.live("when we dial it, tells each who the other is", () =>
    Effect.gen(function*() {
      const { bell, connector, handshake, transport } = yield* setting
      const link = yield* transport.dial(yield* connector.listen, { timeout: Duration.seconds(5) })
      const established = yield* handshake.open(link, "caller", admission)
      const peer = connector.peers[0]
      assert.isDefined(peer)
      yield* bell.until("the connector is through with the handshake", () => peer.isReady)
      yield* assertAcquainted(established, link, connector, peer)
      yield* bell.until("our question", () => peer.heard.length > 0)
      assert.deepStrictEqual(peer.heard.map(({ name }) => name), ["getScpState"])
      assertCertificateOfMilliseconds(established)
    }).pipe(Effect.provide(TcpTransport.layer())))
})
