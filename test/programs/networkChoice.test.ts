/** Which network is meant. */
import { assert, describe, it } from "@effect/vitest"
import { networkOf } from "../../src/programs/networkChoice.ts"
import { networks } from "../../src/services/stellar/networks.ts"

describe("networkOf", () => {
  it("knows the public networks by name and by passphrase", () => {
    assert.strictEqual(networkOf("testnet").passphrase, networks.testnet.passphrase)
    assert.strictEqual(networkOf("mainnet"), networkOf("pubnet"))
    assert.strictEqual(networkOf(networks.pubnet.passphrase), networkOf("pubnet"))
    assert.deepStrictEqual(networkOf("testnet").config({}).knownPeers, networks.testnet.peers)
  })

  it("takes any other text as the passphrase of a private network that trusts nobody", () => {
    const network = networkOf("Testnet")
    assert.strictEqual(network.name, "private")
    assert.strictEqual(network.config({}).passphrase, "Testnet")
    assert.deepStrictEqual(network.trusted, [])
    assert.isTrue(network.config({}).allowLocalAddresses)
  })
})
