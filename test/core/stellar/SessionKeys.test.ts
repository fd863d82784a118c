/**
 * Session keys: those of the vectors for both sides, on both crypto layers; and a cache that is bounded.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import type { CryptoShape } from "../../../src/core/Crypto.ts"
import * as SessionKeys from "../../../src/core/stellar/SessionKeys.ts"
import * as NobleCrypto from "../../../src/layers/noble/NobleCrypto.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"

interface Side {
  readonly secret: string
  readonly public: string
  readonly nonce: string
}

interface Vectors {
  readonly sessions: ReadonlyArray<{
    readonly id: string
    readonly caller: Side
    readonly acceptor: Side
    readonly K: string
    readonly K_AB: string
    readonly K_BA: string
    readonly macOfSequence0Auth: string
  }>
  readonly smallOrder: { readonly vectors: ReadonlyArray<{ readonly id: string; readonly public: string }> }
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../fixtures/stellar-vectors/session-keys.json", import.meta.url), "utf8")
)
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
/** AUTH as the first authenticated message: sequence 0, type 2, flags 200. */
const AUTH_AT_SEQUENCE_0 = hex("000000000000000000000002000000c8")

const implementations = [
  { name: "node:crypto", crypto: NodeCrypto.make() },
  { name: "noble", crypto: NobleCrypto.make() }
]

describe.for(implementations)("SessionKeys with $name", ({ crypto }) => {
  it("come out as in all vectors, on both sides [ref 3.6 derivation of the keys]", () => {
    assert.strictEqual(vectors.sessions.length, 11)
    for (const { acceptor, caller, id, K, K_AB, K_BA } of vectors.sessions) {
      for (const role of ["caller", "acceptor"] as const) {
        const [own, remote] = role === "caller" ? [caller, acceptor] : [acceptor, caller]
        const shared = SessionKeys.sharedKey(crypto, hex(own.secret), hex(own.public), hex(remote.public), role)
        assert.deepStrictEqual(shared, hex(K), `${id} as ${role}`)
        const keys = SessionKeys.sessionKeys(crypto, hex(K), role, hex(own.nonce), hex(remote.nonce))
        const [send, receive] = role === "caller" ? [K_AB, K_BA] : [K_BA, K_AB]
        assert.deepStrictEqual(keys, { send: hex(send), receive: hex(receive) }, `${id} as ${role}`)
      }
    }
  })

  it("make the MAC of the first AUTH as the other side expects it", () => {
    for (const { acceptor, caller, id, K, macOfSequence0Auth } of vectors.sessions) {
      const sent = SessionKeys.sessionKeys(crypto, hex(K), "caller", hex(caller.nonce), hex(acceptor.nonce)).send
      const received =
        SessionKeys.sessionKeys(crypto, hex(K), "acceptor", hex(acceptor.nonce), hex(caller.nonce)).receive
      const tag = new Uint8Array(32)
      crypto.macKey(sent).sign(AUTH_AT_SEQUENCE_0, 0, AUTH_AT_SEQUENCE_0.length, tag, 0)
      assert.deepStrictEqual(tag, hex(macOfSequence0Auth), id)
      assert.isTrue(crypto.macKey(received).verify(AUTH_AT_SEQUENCE_0, 0, AUTH_AT_SEQUENCE_0.length, tag, 0), id)
    }
  })

  it("are not made with a key of small order or of a wrong length [ref 3.6 key of small order]", () => {
    const { public: ownPublic, secret } = vectors.sessions[0]!.caller
    const remotes = [
      ...vectors.smallOrder.vectors.map((vector) => hex(vector.public)),
      new Uint8Array(0),
      new Uint8Array(31).fill(9),
      new Uint8Array(33).fill(9)
    ]
    assert.strictEqual(remotes.length, 17)
    for (const remote of remotes) {
      for (const role of ["caller", "acceptor"] as const) {
        assert.isUndefined(SessionKeys.sharedKey(crypto, hex(secret), hex(ownPublic), remote, role))
      }
    }
  })
})

describe("The cache of shared keys", () => {
  const node = NodeCrypto.make()
  const { public: ownPublic, secret } = vectors.sessions[0]!.caller
  const remote = (i: number): Uint8Array => node.agreementPublicKey(new Uint8Array(32).fill(i))

  /** A cache, and how often it had to agree. */
  const cache = (maxEntries?: number) => {
    let agreements = 0
    const counting: CryptoShape = {
      ...node,
      agree: (own, other) => {
        agreements++
        return node.agree(own, other)
      }
    }
    return {
      keys: SessionKeys.sharedKeyCache(counting, hex(secret), hex(ownPublic), maxEntries),
      agreements: () => agreements
    }
  }

  it("agrees once for each remote key, whatever the role, and gives what `sharedKey` gives", () => {
    const { agreements, keys } = cache()
    for (let round = 0; round < 2; round++) {
      for (const role of ["caller", "acceptor"] as const) {
        const expected = SessionKeys.sharedKey(node, hex(secret), hex(ownPublic), remote(1), role)
        assert.deepStrictEqual(keys.get(remote(1), role), expected)
      }
    }
    assert.strictEqual(agreements(), 1)
    assert.strictEqual(keys.size(), 1)
  })

  it("tells a key from its second spelling, which makes another shared key", () => {
    const { keys } = cache()
    const other = remote(1)
    other[31]! |= 0x80
    assert.notDeepEqual(keys.get(other, "caller"), keys.get(remote(1), "caller"))
  })

  it("forgets the oldest key when it is full", () => {
    const { agreements, keys } = cache(3)
    for (const i of [1, 2, 3, 4]) keys.get(remote(i), "caller")
    assert.strictEqual(keys.size(), 3)
    assert.strictEqual(agreements(), 4)
    for (const i of [2, 3, 4]) keys.get(remote(i), "caller")
    assert.strictEqual(agreements(), 4)
    keys.get(remote(1), "caller")
    assert.strictEqual(agreements(), 5)
    assert.strictEqual(keys.size(), 3)
  })

  it("remembers no refusal [ref 3.6 key of small order]", () => {
    const { keys } = cache()
    assert.isUndefined(keys.get(new Uint8Array(32), "caller"))
    assert.isUndefined(keys.get(new Uint8Array(31), "caller"))
    assert.strictEqual(keys.size(), 0)
  })

  it("does not take a key of another length for one that it knows", () => {
    const { keys } = cache()
    const known = Uint8Array.from([...new Uint8Array(31).fill(9), 0])
    assert.isDefined(keys.get(known, "caller"))
    assert.isUndefined(keys.get(known.subarray(0, 31), "caller"))
    assert.isUndefined(keys.get(Uint8Array.from([...known, 0]), "caller"))
  })
})
