/**
 * Signatures of statements, by both ways of cryptography, against the golden vectors.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { SCP_SCRATCH_BYTES } from "../../../src/core/stellar/limits.ts"
import { scpOffsets, walkScpMessage } from "../../../src/core/stellar/MessageWalk.ts"
import { ScpSignature } from "../../../src/core/stellar/ScpSignature.ts"
import * as NobleCrypto from "../../../src/layers/noble/NobleCrypto.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import { nominate, signedStatement, signerOf } from "../../support/statements.ts"

interface Vector {
  readonly id: string
  readonly networkId: string
  readonly messageXdr: string
}

interface ValidVector extends Vector {
  readonly nodeSeedHex: string
  readonly statementXdr: string
  readonly signature: string
}

const vectors: { readonly valid: ReadonlyArray<ValidVector>; readonly invalid: ReadonlyArray<Vector> } = JSON.parse(
  readFileSync(new URL("../../fixtures/stellar-vectors/scp.json", import.meta.url), "utf8")
)

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))

/** Whether it verifies where it lies in the middle of other bytes. */
const verifies = (signature: ScpSignature, message: Uint8Array): boolean => {
  const start = 13
  const chunk = new Uint8Array(start + message.length + 5).fill(0xa5)
  chunk.set(message, start)
  const offsets = scpOffsets()
  assert.isTrue(walkScpMessage(chunk, start, start + message.length, offsets))
  return signature.verify(chunk, offsets)
}

describe.each([["node:crypto", NodeCrypto.make()], ["noble", NobleCrypto.make()]] as const)(
  "The signature of a statement, by %s,",
  (_, crypto) => {
    it.each(vectors.valid)("verifies: $id", ({ messageXdr, networkId }) => {
      assert.isTrue(verifies(new ScpSignature(crypto, bytesOf(networkId)), bytesOf(messageXdr)))
    })

    it.each(vectors.invalid)("does not verify: $id", ({ messageXdr, networkId }) => {
      assert.isFalse(verifies(new ScpSignature(crypto, bytesOf(networkId)), bytesOf(messageXdr)))
    })

    it.each(vectors.valid)("is made as others make it: $id", ({ networkId, nodeSeedHex, signature, statementXdr }) => {
      const made = new ScpSignature(crypto, bytesOf(networkId))
        .sign(crypto.signer(bytesOf(nodeSeedHex)), bytesOf(statementXdr))
      assert.strictEqual(Buffer.from(made).toString("hex"), signature)
    })

    it("is as good for a long statement, and for a short one after it", () => {
      const networkId = new Uint8Array(32).fill(3)
      const signature = new ScpSignature(crypto, networkId)
      const long = signedStatement(networkId, signerOf(1), 7, nominate(["x".repeat(SCP_SCRATCH_BYTES)]))
      const short = signedStatement(networkId, signerOf(1), 7, nominate(["x"]))
      assert.deepStrictEqual([long, short, long, short].map((message) => verifies(signature, message)), [
        true,
        true,
        true,
        true
      ])
      long[long.length - 80]! ^= 1
      assert.isFalse(verifies(signature, long))
    })
  }
)
