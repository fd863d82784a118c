/** Asking a node who it is: what it said is shown even if it refuses, harmless for the terminal, with advice. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { format, tcpAddress } from "../../src/core/PeerAddress.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import { Crypto } from "../../src/services/Crypto.ts"
import { Transport } from "../../src/services/Transport.ts"
import { encode, type HandshakePeer, makeHandshakePeer, sealed, unsealed } from "../layers/stellar/handshakePeer.ts"
import { overlay } from "./overlayCommand.ts"

const passphrase = "a test"
const machine = Layer.merge(TcpTransport.layer(), NodeCrypto.layer)

/** A node that answers each call as it is told here; gives its address. */
const answering = Effect.fnUntraced(function*(answer: (peer: HandshakePeer) => Effect.Effect<void>) {
  const transport = yield* Transport
  const crypto = yield* Crypto
  const { address } = yield* transport.listen(tcpAddress("127.0.0.1", 0), (link) =>
    Effect.gen(function*() {
      const nowSeconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const peer = makeHandshakePeer(crypto, link, "acceptor", { passphrase, label: "asked", nowSeconds })
      yield* answer(peer)
      yield* link.end
      yield* peer.rest
    }))
  return format(address)
})

const probe = (...args: ReadonlyArray<string>) => Effect.promise(() => overlay("probe", ...args))

describe("overlay probe", () => {
  it("says what to do when nothing listens there", async () => {
    const { code, stderr, stdout } = await overlay("probe", "127.0.0.1:1", "--json")
    assert.strictEqual(code, 1)
    assert.deepInclude(JSON.parse(stdout), { address: "127.0.0.1:1", accepted: false, peer: null })
    assert.deepInclude(JSON.parse(stdout).refusal, { reason: "ConnectFailed", endedBy: "link" })
    assert.include(stderr, "Nothing listens there")
  })

  it.live("shows what a node said before it refused, with nothing in it that a terminal would obey", () =>
    Effect.gen(function*() {
      const address = yield* answering((peer) =>
        Effect.gen(function*() {
          yield* peer.next
          const versionStr = Uint8Array.from([0x1b, ...new TextEncoder().encode("[31mred\\"), 0x9b])
          peer.sendHello({ hello: { versionStr } })
          yield* peer.next
          peer.send(
            unsealed(encode({ _tag: "ERROR_MSG", error: { code: 4, msg: new TextEncoder().encode("peer rejected") } }))
          )
        })
      )
      const [shown, document] = yield* Effect.all([
        probe(address, "--network", passphrase),
        probe(address, "--network", passphrase, "--json")
      ])
      assert.strictEqual(shown.code, 1)
      assert.include(shown.stdout, "\\x1b[31mred\\x5c\\x9b")
      assert.notMatch(shown.stdout + shown.stderr + document.stdout, /[^\n\x20-\x7e]/)
      assert.include(shown.stderr, "peer rejected")
      assert.include(shown.stderr, "no free slot")

      assert.strictEqual(document.code, 1)
      const facts = JSON.parse(document.stdout)
      assert.strictEqual(facts.peer.versionText, "\\x1b[31mred\\x5c\\x9b")
      assert.deepInclude(facts.refusal, { reason: "RemoteError", endedBy: "them" })
    }).pipe(Effect.provide(machine)))

  it.live("shows the peers and the credit that it is given", () =>
    Effect.gen(function*() {
      const address = yield* answering((peer) =>
        Effect.gen(function*() {
          yield* peer.next
          peer.sendHello()
          yield* peer.next
          peer.sendAuth()
          peer.send(sealed(
            peer.channel(),
            encode({
              _tag: "PEERS",
              peers: [
                { ip: { _tag: "IPv4", ipv4: Uint8Array.from([192, 0, 2, 1]) }, port: 11_625, numFailures: 3 },
                { ip: { _tag: "IPv6", ipv6: new Uint8Array(16).fill(0x20) }, port: 1, numFailures: 0 }
              ]
            })
          ))
          peer.send(sealed(
            peer.channel(),
            encode({ _tag: "SEND_MORE_EXTENDED", sendMoreExtended: { numMessages: 7, numBytes: 8000 } })
          ))
        })
      )
      const { code, stdout } = yield* probe(address, "--network", passphrase, "--json")
      assert.strictEqual(code, 0)
      assert.deepInclude(JSON.parse(stdout), {
        accepted: true,
        network: "private",
        grant: { messages: 7, bytes: 8000 },
        peers: [
          { address: "192.0.2.1:11625", failures: 3 },
          { address: "[2020:2020:2020:2020:2020:2020:2020:2020]:1", failures: 0 }
        ]
      })
    }).pipe(Effect.provide(machine)))

  it.live("asks for the passphrase when no known network is answered", () =>
    Effect.gen(function*() {
      let calls = 0
      const address = yield* answering(() => Effect.sync(() => void calls++))
      const { code, stderr } = yield* probe(address)
      assert.strictEqual(code, 1)
      assert.strictEqual(calls, 2)
      assert.include(stderr, "--network")
    }).pipe(Effect.provide(machine)))
})
