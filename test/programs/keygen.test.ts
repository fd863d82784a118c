/** Making identities. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { decodeSeed, peerIdFromPublicKey } from "../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import { temporaryFolder } from "../layers/temporaryFolder.ts"
import { overlay } from "./overlayCommand.ts"

const publicKeyOf = (seed: string): string =>
  peerIdFromPublicKey(NodeCrypto.make().signer(Result.getOrThrow(decodeSeed(seed))).publicKey)

describe("overlay keygen", () => {
  it("shows a seed and the public key that belongs to it", async () => {
    const { code, stdout } = await overlay("keygen", "--json")
    assert.strictEqual(code, 0)
    const shown = JSON.parse(stdout)
    assert.deepStrictEqual(Object.keys(shown), ["publicKey", "seed"])
    assert.strictEqual(publicKeyOf(shown.seed), shown.publicKey)
  })

  it.live("writes the seed into a file that only the owner may read, and does not show it", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryFolder, "node.seed")
      const { code, stderr, stdout } = yield* Effect.promise(() => overlay("keygen", "--json", "--out", file))
      assert.strictEqual(code, 0)
      const seed = readFileSync(file, "utf8").trim()
      assert.deepStrictEqual(JSON.parse(stdout), { publicKey: publicKeyOf(seed), seedFile: file })
      assert.notInclude(stdout + stderr, seed)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)

      const again = yield* Effect.promise(() => overlay("keygen", "--out", file))
      assert.strictEqual(again.code, 1)
      assert.include(again.stderr, file)
      assert.strictEqual(readFileSync(file, "utf8").trim(), seed)
    }))
})
