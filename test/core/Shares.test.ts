/** Shares of places, by IP and by /24. */
import { assert, describe, it } from "@effect/vitest"
import { shareOf, Shares, subnetOf } from "../../src/core/Shares.ts"

describe("A share of places", () => {
  it("is one in so many of them, rounded down, and never less than the least", () => {
    assert.deepStrictEqual([64, 63, 16, 7, 0].map((places) => shareOf(places, 8, 2)), [8, 7, 2, 2, 2])
    assert.strictEqual(shareOf(64, 1, 2), 64)
  })

  it("ends for an IP and for its /24, each by itself, and comes back with each place", () => {
    const shares = new Shares({ perIp: 2, perSubnet: 3 })
    for (const ip of ["20.0.0.1", "20.0.0.1"]) shares.add(ip)
    assert.deepStrictEqual(["20.0.0.1", "20.0.0.2", "20.0.1.1"].map((ip) => shares.fullFor(ip)), [
      "ip",
      undefined,
      undefined
    ])
    shares.add("20.0.0.2")
    assert.deepStrictEqual(["20.0.0.1", "20.0.0.255", "20.0.1.1"].map((ip) => shares.fullFor(ip)), [
      "ip",
      "subnet",
      undefined
    ])
    shares.remove("20.0.0.1")
    assert.deepStrictEqual(["20.0.0.1", "20.0.0.255"].map((ip) => shares.fullFor(ip)), [undefined, undefined])
  })

  it("knows the /24 of every address, up to the last one", () => {
    assert.strictEqual(subnetOf("255.255.255.0"), subnetOf("255.255.255.255"))
    assert.notStrictEqual(subnetOf("128.0.0.255"), subnetOf("128.0.1.0"))
    assert.notStrictEqual(subnetOf("0.0.1.0"), subnetOf("1.0.0.0"))
    assert.notStrictEqual(subnetOf("::1"), subnetOf("::2"))
  })
})
