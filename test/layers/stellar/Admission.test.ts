/** Who is let in by where it comes from: a whole node, and callers from addresses of their choice. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { CryptoShape } from "../../../src/core/Crypto.ts"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import { peerIdFromPublicKey } from "../../../src/core/stellar/StrKey.ts"
import * as MemoryTransport from "../../../src/layers/memory/MemoryTransport.ts"
import type { Overrides } from "../../../src/services/stellar/StellarConfig.ts"
import type { Link } from "../../../src/services/Transport.ts"
import { seconds } from "../../support/links.ts"
import { bytesOf, type Doctored, type HandshakePeer, makeHandshakePeer } from "./handshakePeer.ts"
import { crypto, makeNode, NOW_SECONDS, PASSPHRASE, patiently, type TestNode, turn, until } from "./peerNode.ts"

const HERE = tcpAddress("30.0.0.1", 11_625)

/** A node that sees where callers come from, and what it had its crypto do. */
const makeWorld = Effect.fnUntraced(function*(config: Overrides = {}) {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const network = MemoryTransport.makeNetwork()
  const done: Array<string> = []
  const node = yield* makeNode({
    transport: MemoryTransport.layer(network, { ip: HERE.ip }),
    crypto: counting(crypto, done),
    config: { listen: { host: HERE.ip, port: HERE.port }, ...config }
  })
  /** Dials from this IP, and says nothing. */
  const dial = Effect.fnUntraced(function*(ip: string) {
    const transport = yield* MemoryTransport.make(network, { ip })
    return yield* transport.dial(HERE, { timeout: seconds(20) })
  })
  /** Somebody new who has called from this IP, and shakes hands as far as the node lets it; tells what became of it. */
  const call = Effect.fnUntraced(
    function*(ip: string, { label = `caller ${ip} ${callers++}`, ...doctored }: Doctored & { label?: string } = {}) {
      const peer = makeHandshakePeer(crypto, yield* dial(ip), "caller", {
        passphrase: PASSPHRASE,
        label,
        nowSeconds: NOW_SECONDS
      })
      peer.sendHello(doctored)
      if ((yield* patiently("HELLO, or the end", peer.next))._tag === "LINK_ENDED") return { peer, fate: "in silence" }
      peer.sendAuth()
      yield* patiently("AUTH", peer.next)
      let heard = yield* patiently("what becomes of it", peer.next)
      if (heard._tag === "PEERS") heard = yield* patiently("what becomes of it", peer.next)
      const fate = heard._tag === "ERROR_MSG"
        ? `${heard.error.code} ${Buffer.from(heard.error.msg).toString("latin1")}`
        : heard._tag
      return { peer, fate }
    }
  )
  let callers = 0
  const fates = (...ips: ReadonlyArray<string>) =>
    Effect.map(Effect.forEach(ips, (ip) => call(ip)), (all) => all.map(({ fate }) => fate))
  return { node, dial, call, fates, done }
})

/** Notes each operation that costs more than a digest. */
const counting = (inner: CryptoShape, done: Array<string>): CryptoShape => ({
  ...inner,
  verify: (...given) => {
    done.push("verify")
    return inner.verify(...given)
  },
  agree: (...given) => {
    done.push("agree")
    return inner.agree(...given)
  },
  signer: (seed) => {
    const signer = inner.signer(seed)
    return {
      ...signer,
      sign: (bytes) => {
        done.push("sign")
        return signer.sign(bytes)
      }
    }
  }
})

const IN = "SEND_MORE_EXTENDED"
const REJECTED = "4 peer rejected"

const reasonsOf = (node: TestNode): ReadonlyArray<string> => node.failures().map(({ _tag }) => _tag)

/** Long enough for all that is on its way in memory: turns, not time. */
const settled = Effect.gen(function*() {
  for (let turns = 0; turns < 20; turns++) yield* turn
})

const isEnded = (link: Link) =>
  Effect.raceFirst(
    Effect.as(Effect.exit(link.read(() => true)), true),
    Effect.as(settled, false)
  )

const hangUp = Effect.fnUntraced(function*({ peers }: TestNode["overlay"], { id, link }: HandshakePeer) {
  yield* link.end
  while ((yield* peers).some((peer) => peer.id === id)) yield* turn
})

describe("Inbound peers", () => {
  it.effect("of one IP and of one /24 hold their shares, and no more until one of them leaves", () =>
    Effect.gen(function*() {
      // A sixteenth of 64 for an IP, an eighth for a /24.
      const { call, fates, node } = yield* makeWorld()
      const first = yield* call("20.0.0.1")
      assert.strictEqual(first.fate, IN)
      assert.deepStrictEqual(yield* fates(...Array<string>(4).fill("20.0.0.1")), [IN, IN, IN, REJECTED])
      const neighbours = [2, 3, 4, 5, 6].map((host) => `20.0.0.${host}`)
      assert.deepStrictEqual(yield* fates(...neighbours), [IN, IN, IN, IN, REJECTED])
      assert.deepStrictEqual(yield* fates("20.0.1.1"), [IN])
      yield* until("both are told of", () => node.failures().length === 2)
      assert.deepStrictEqual(reasonsOf(node), ["InboundOverShare", "InboundOverShare"])
      yield* patiently("it has left", hangUp(node.overlay, first.peer))
      assert.deepStrictEqual(yield* fates("20.0.0.7", "20.0.0.8"), [IN, REJECTED])
    }))

  it.effect("are not limited so on this machine, in local networks that are allowed, and where the configuration names them", () =>
    Effect.gen(function*() {
      const { call, fates } = yield* makeWorld({
        knownPeers: ["20.0.0.1"],
        preferredPeers: ["20.0.1.1"],
        maxOutbound: 0,
        preferredPeerKeys: [peerIdFromPublicKey(crypto.signer(bytesOf(crypto, "preferred seed")).publicKey)]
      })
      for (const ip of ["127.0.0.1", "10.0.0.1", "20.0.0.1", "20.0.1.1"]) {
        assert.deepStrictEqual(yield* fates(...Array<string>(6).fill(ip)), Array<string>(6).fill(IN), ip)
      }
      assert.deepStrictEqual(yield* fates(...Array<string>(5).fill("20.0.2.1")), [IN, IN, IN, IN, REJECTED])
      assert.strictEqual((yield* call("20.0.2.1", { label: "preferred" })).fate, IN)
    }))

  it.effect("of local networks are limited as others where those are not allowed", () =>
    Effect.gen(function*() {
      const { fates } = yield* makeWorld({ allowLocalAddresses: false })
      assert.deepStrictEqual(yield* fates(...Array<string>(5).fill("10.0.0.1")), [IN, IN, IN, IN, REJECTED])
      assert.deepStrictEqual(yield* fates(...Array<string>(5).fill("127.0.0.1")), Array<string>(5).fill(IN))
    }))
})

describe("Connections that are not authenticated", () => {
  it.effect("of one /24 hold their share, and the next one is closed with nothing said", () =>
    Effect.gen(function*() {
      const { dial, node } = yield* makeWorld({ maxPendingInbound: 80 })
      const links = yield* Effect.forEach(Array.from({ length: 11 }, (_, host) => `20.0.0.${host}`), dial)
      const elsewhere = yield* dial("20.0.1.1")
      yield* settled
      const ended = yield* Effect.forEach([...links, elsewhere], isEnded, { concurrency: "unbounded" })
      assert.deepStrictEqual(ended, [...Array<boolean>(10).fill(false), true, false])
      yield* until("it is told of", () => node.failures().length === 1)
      assert.deepStrictEqual(reasonsOf(node), ["PendingOfSubnetFull"])
    }))
})

describe("One identity", () => {
  it.effect(
    "holds one connection that is not authenticated, however often it calls [elsewhere: one identity holding many pending slots]",
    () =>
      Effect.gen(function*() {
        const { dial, node } = yield* makeWorld()
        const options = { passphrase: PASSPHRASE, label: "the same", nowSeconds: NOW_SECONDS }
        const greet = Effect.fnUntraced(function*(ip: string) {
          const peer = makeHandshakePeer(crypto, yield* dial(ip), "caller", options)
          peer.sendHello()
          assert.strictEqual((yield* patiently("HELLO", peer.next))._tag, "HELLO")
          return peer
        })
        const first = yield* greet("20.0.0.1")
        const others = yield* Effect.forEach([2, 3, 4, 5, 6], (network) => greet(`20.0.${network}.1`))
        for (const other of others) {
          const heard = yield* patiently("the refusal", other.rest)
          assert.deepStrictEqual(heard.map(({ _tag }) => _tag), ["ERROR_MSG"])
        }
        yield* until("all are told of", () => node.failures().length === others.length)
        assert.deepStrictEqual([...new Set(reasonsOf(node))], ["AlreadyConnected"])
        first.sendAuth()
        assert.strictEqual((yield* patiently("AUTH", first.next))._tag, "AUTH")
        yield* until("it has joined", () => node.events.some(({ _tag }) => _tag === "PeerJoined"))
      })
  )
})

describe("A peer whose certificate is valid for more than a day", () => {
  it.effect("is let in, counted, and shown as such; in strict mode it is not", () =>
    Effect.gen(function*() {
      const expiration = BigInt(NOW_SECONDS + 86_401)
      const { call, node } = yield* makeWorld()
      const long = yield* call("20.0.0.1", { certificate: { expiration } })
      const { peer: other } = yield* call("20.0.0.2")
      assert.strictEqual(long.fate, IN)
      const shown = new Map((yield* node.overlay.peers).map(({ id, isCertificateLong }) => [id, isCertificateLong]))
      assert.deepStrictEqual([shown.get(long.peer.id), shown.get(other.id)], [true, false])
      assert.strictEqual((yield* node.overlay.counters)["longCertificates"], 1)

      const strict = yield* makeWorld({ strictCertificates: true })
      assert.strictEqual((yield* strict.call("20.0.0.1", { certificate: { expiration } })).fate, "in silence")
      assert.strictEqual((yield* strict.call("20.0.0.1")).fate, IN)
      yield* until("it is told of", () => strict.node.failures().length === 1)
      assert.deepStrictEqual(reasonsOf(strict.node), ["LongCertificate"])
    }))
})

describe("Connections that come too fast from one /24", () => {
  it.effect("are closed before anything that they say costs a curve, until a second has passed", () =>
    Effect.gen(function*() {
      const { call, done, fates, node } = yield* makeWorld({ subnetRate: 3 })
      assert.deepStrictEqual(yield* fates("20.0.0.1", "20.0.0.2", "20.0.0.3"), [IN, IN, IN])
      const before = done.length
      assert.isAbove(before, 3)
      assert.deepStrictEqual(yield* fates("20.0.0.4", "20.0.0.4", "20.0.0.1"), Array<string>(3).fill("in silence"))
      assert.strictEqual(done.length, before)
      yield* until("all are told of", () => node.failures().length === 3)
      assert.deepStrictEqual(reasonsOf(node), Array<string>(3).fill("SubnetRateExceeded"))
      const counters = yield* node.overlay.counters
      assert.deepStrictEqual([counters["inboundRejected"], counters["endedSubnetRateExceeded"]], [3, 3])

      assert.deepStrictEqual(yield* fates("20.0.1.1"), [IN])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* call("20.0.0.4")).fate, IN)
      assert.isAbove(done.length, before)
    }))

  it.effect("are let through from this machine, from allowed local networks and where the configuration names them", () =>
    Effect.gen(function*() {
      const { fates } = yield* makeWorld({ subnetRate: 1, knownPeers: ["20.0.0.1"], maxOutbound: 0 })
      for (const ip of ["127.0.0.1", "10.0.0.1", "20.0.0.1"]) {
        assert.deepStrictEqual(yield* fates(ip, ip, ip), [IN, IN, IN], ip)
      }
      assert.deepStrictEqual(yield* fates("20.0.1.1", "20.0.1.2"), [IN, "in silence"])
    }))

  it.effect("are let through where there is no limit", () =>
    Effect.gen(function*() {
      const { fates } = yield* makeWorld({ subnetRate: 0, subnetShare: 1, ipShare: 1, maxPendingInbound: 100 })
      assert.deepStrictEqual(yield* fates(...Array<string>(60).fill("20.0.0.1")), Array<string>(60).fill(IN))
    }))
})
