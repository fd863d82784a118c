/**
 * What is refused before a signature's equation is looked at, whatever the library below would say.
 */
import { assert, describe, it } from "@effect/vitest"
import { ed25519, ED25519_TORSION_SUBGROUP } from "@noble/curves/ed25519.js"
import { numberToBytesLE } from "@noble/curves/utils.js"
import { isStrict } from "../../src/core/Ed25519Strictness.ts"

const PRIME = ed25519.Point.Fp.ORDER
const ORDER = ed25519.Point.Fn.ORDER
const key = ed25519.getPublicKey(new Uint8Array(32).fill(7))

/** A point by its y and the sign of its x: the sign is the top bit. */
const spelling = (y: bigint, sign: 0n | 1n): Uint8Array => numberToBytesLE(y | sign << 255n, 32)
const signature = (r: Uint8Array, s: bigint): Uint8Array => Uint8Array.from([...r, ...numberToBytesLE(s, 32)])

describe("A strict Ed25519 signature", () => {
  it("has any key and R whose spelling is the only one, and S below the order", () => {
    assert.isTrue(isStrict(key, signature(key, 0n)))
    assert.isTrue(isStrict(key, signature(key, ORDER - 1n)))
    for (const y of [2n, 3n, PRIME - 3n, PRIME - 2n]) {
      for (const sign of [0n, 1n] as const) assert.isTrue(isStrict(spelling(y, sign), signature(spelling(y, sign), 1n)))
    }
  })

  it("has no S from the order up", () => {
    for (const s of [ORDER, ORDER + 1n, 1n << 253n, 1n << 255n, (1n << 256n) - 1n]) {
      assert.isFalse(isStrict(key, signature(key, s)), `S = ${s}`)
    }
  })

  it("has no point of small order, with either sign, as key or as R", () => {
    assert.strictEqual(ED25519_TORSION_SUBGROUP.length, 8)
    for (const point of ED25519_TORSION_SUBGROUP) {
      const { y } = ed25519.Point.fromHex(point).toAffine()
      for (const sign of [0n, 1n] as const) {
        assert.isFalse(isStrict(spelling(y, sign), signature(key, 1n)), `key ${point}`)
        assert.isFalse(isStrict(key, signature(spelling(y, sign), 1n)), `R ${point}`)
      }
    }
  })

  it("has no second spelling of y, as key or as R", () => {
    for (let y = PRIME; y < 1n << 255n; y++) {
      for (const sign of [0n, 1n] as const) {
        assert.isFalse(isStrict(spelling(y, sign), signature(key, 1n)), `key p + ${y - PRIME}`)
        assert.isFalse(isStrict(key, signature(spelling(y, sign), 1n)), `R p + ${y - PRIME}`)
      }
    }
  })

  it("has 32 and 64 bytes", () => {
    assert.isFalse(isStrict(key.subarray(1), signature(key, 1n)))
    assert.isFalse(isStrict(Uint8Array.from([...key, 0]), signature(key, 1n)))
    assert.isFalse(isStrict(key, signature(key, 1n).subarray(1)))
    assert.isFalse(isStrict(key, Uint8Array.from([...signature(key, 1n), 0])))
    assert.isFalse(isStrict(new Uint8Array(0), new Uint8Array(0)))
  })
})
