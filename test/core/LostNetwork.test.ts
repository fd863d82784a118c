/** When a node that has lost its network leaves a peer for another one. */
import { assert, describe, it } from "@effect/vitest"
import { LostNetwork } from "../../src/core/LostNetwork.ts"

const lost = { isFollowing: false, isFull: true }

describe("A node that does not follow its network", () => {
  it("leaves a peer once that has been so for longer than its patience, and then waits again [ref 8.6 random drop after 60 s]", () => {
    const network = new LostNetwork(60)
    const times = Array.from({ length: 50 }, (_, round) => 3 * round)
    assert.deepStrictEqual(times.filter((nowMillis) => network.shouldExchange({ ...lost, nowMillis })), [63, 126])
  })

  it("waits from the beginning each time that it had the network [ref 8.6 in sync clears the time]", () => {
    const network = new LostNetwork(60)
    network.shouldExchange({ ...lost, nowMillis: 0 })
    assert.isFalse(network.shouldExchange({ isFollowing: true, isFull: true, nowMillis: 61 }))
    assert.isFalse(network.shouldExchange({ ...lost, nowMillis: 62 }))
    assert.isFalse(network.shouldExchange({ ...lost, nowMillis: 122 }))
    assert.isTrue(network.shouldExchange({ ...lost, nowMillis: 123 }))
  })

  it("leaves nobody while there is room, and does so as soon as there is none [ref 8.6 random drop only without room]", () => {
    const network = new LostNetwork(60)
    network.shouldExchange({ ...lost, nowMillis: 0 })
    assert.isFalse(network.shouldExchange({ ...lost, isFull: false, nowMillis: 100 }))
    assert.isTrue(network.shouldExchange({ ...lost, nowMillis: 101 }))
  })
})
