/**
 * The networks that everybody knows.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { publicKeyFromPeerId } from "../../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import { type NetworkName, networks, trustedOf } from "../../../src/services/stellar/networks.ts"

const hashes: { readonly networkIds: ReadonlyArray<{ readonly passphrase: string; readonly networkId: string }> } = JSON
  .parse(readFileSync(new URL("../../fixtures/stellar-vectors/hashes.json", import.meta.url), "utf8"))

describe.each(["testnet", "pubnet", "mainnet"] satisfies ReadonlyArray<NetworkName>)("The network %s", (name) => {
  it("names three trusted validators, each by a key whose checksum is right", () => {
    assert.strictEqual(new Set(trustedOf(name)).size, 3)
    for (const id of trustedOf(name)) assert.isTrue(Result.isSuccess(publicKeyFromPeerId(id)), id)
  })

  it("names three peers with host and port", () => {
    for (const peer of networks[name].peers) assert.match(peer, /^core-[a-z0-9-]+\.stellar\.org:11625$/)
    assert.strictEqual(new Set(networks[name].peers).size, 3)
  })

  it("has a passphrase whose hash is the published network id", () => {
    const id = ItemHash.toHex(NodeCrypto.make().sha256(new TextEncoder().encode(networks[name].passphrase)))
    const known = hashes.networkIds.find(({ networkId }) => networkId === id)
    assert.strictEqual(known?.passphrase, networks[name].passphrase)
  })
})
