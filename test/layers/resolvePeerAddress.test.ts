/**
 * What people may write for a peer, and what they are told when they may not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import * as NodeAddressResolver from "../../src/layers/node/NodeAddressResolver.ts"
import { resolvePeerAddress } from "../../src/layers/runtime/resolvePeerAddress.ts"

const names = AddressResolver.layer().pipe(
  Layer.provide(Dns.layerStatic({
    hosts: {
      "core-live-a.example.org": ["192.0.2.7", "192.0.2.8"],
      "both.example.org": ["2001:db8::1", "192.0.2.9"],
      "new.example.org": ["2001:db8::2"]
    }
  }))
)

const resolve = (text: string) => resolvePeerAddress(text, 11_625).pipe(Effect.provide(names))

describe("A peer's address as people write it", () => {
  it.effect.each(
    [
      ["192.0.2.1", tcpAddress("192.0.2.1", 11_625)],
      ["192.0.2.1:80", tcpAddress("192.0.2.1", 80)],
      ["192.0.2.1:65535", tcpAddress("192.0.2.1", 65_535)],
      ["core-live-a.example.org", tcpAddress("192.0.2.7", 11_625)],
      ["Core-Live-A.Example.ORG:1", tcpAddress("192.0.2.7", 1)],
      ["both.example.org", tcpAddress("192.0.2.9", 11_625)]
    ] as const
  )("%s is understood", ([text, address]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* resolve(text), address)
    }))

  it.effect.each(
    [
      ["", /empty/],
      [" 192.0.2.1", /space/],
      ["192.0.2.1 :80", /space/],
      ["192.0.2.1\n", /space/],
      ["10.0.0.0/8", /range/],
      ["tcp://192.0.2.1", /range/],
      ["256.1.1.1", /four numbers/],
      ["1.2.3", /four numbers/],
      ["010.0.0.1", /four numbers/],
      ["127.1", /four numbers/],
      ["0x7f000001", /numeric/],
      [":80", /no host/],
      ["192.0.2.1:", /port/],
      ["192.0.2.1:0", /port/],
      ["192.0.2.1:080", /port/],
      ["192.0.2.1:65536", /port/],
      ["192.0.2.1:-1", /port/],
      ["192.0.2.1:http", /port/],
      ["192.0.2.1:80:80", /IPv6/],
      ["::1", /IPv6/],
      ["[::1]:80", /IPv6/],
      ["a_b.example.org", /letters/],
      ["bücher.example", /letters/],
      ["-a.example.org", /hyphen/],
      ["a..example.org", /empty/]
    ] as const
  )("%j is refused, with the reason", ([text, why]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(resolve(text))
      assert.strictEqual(error._tag, "InvalidAddress")
      assert.match(error.message, why)
      assert.include(error.message, text)
    }))

  it.effect("says so when nobody knows the name", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(resolve("nowhere.example.org:80"))
      assert.strictEqual(error._tag, "UnknownHost")
      assert.include(error.message, "nowhere.example.org")
    }))

  it.effect("says so when the name has no IPv4 address", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(resolve("new.example.org")))._tag, "UnknownHost")
    }))

  it.live("is found in the hosts file of this machine", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* resolvePeerAddress("localhost", 7), tcpAddress("127.0.0.1", 7))
    }).pipe(Effect.provide(NodeAddressResolver.layer)))
})
