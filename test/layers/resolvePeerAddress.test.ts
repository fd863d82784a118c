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
  )(
    "%s is understood, with the port of all nodes if it names none [core: parse peer record / default port]",
    ([text, address]) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* resolve(text), address)
      })
  )

  const refused = (text: string, why: RegExp) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(resolve(text))
      assert.strictEqual(error._tag, "InvalidAddress")
      assert.match(error.message, why)
      assert.include(error.message, text)
    })

  it.effect("is not nothing [core: parse peer record / empty]", () => refused("", /empty/))

  it.effect.each([" 192.0.2.1", "192.0.2.1 :80", "192.0.2.1\n", "192.0.2.1 "])(
    "has no space in it: %j is refused [core: parse peer record / spaces]",
    (text) => refused(text, /space/)
  )

  it.effect.each(
    [
      ["256.1.1.1", /four numbers/],
      ["1.2.3", /four numbers/],
      ["1.2.3.4.5", /four numbers/],
      ["010.0.0.1", /four numbers/],
      ["127.1", /four numbers/],
      ["0x7f000001", /numeric/]
    ] as const
  )(
    "has four numbers, if numbers: %j is refused [core: parse peer record / invalid IPv4]",
    ([text, why]) => refused(text, why)
  )

  it.effect.each(["10.0.0.0/8", "127.0.0.1/8", "127.0.0.1/8:80", "127.0.0.1/0", "tcp://192.0.2.1"])(
    "is one address: %j is refused [core: parse peer record / IPv4 mask]",
    (text) => refused(text, /range/)
  )

  it.effect.each(["::1", "[::1]:80", "[::1]", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1:80:80"])(
    "is of IPv4: %j is refused [core: parse peer record / IPv6]",
    (text) => refused(text, /IPv6/)
  )

  it.effect.each([
    "192.0.2.1:",
    "192.0.2.1:0",
    "192.0.2.1:080",
    "192.0.2.1:65536",
    "192.0.2.1:65537",
    "192.0.2.1:-1",
    "192.0.2.1:http"
  ])(
    "has a port from 1 to 65535: %j is refused [core: parse peer record / invalid port]",
    (text) => refused(text, /port/)
  )

  it.effect.each(
    [
      [":80", /no host/],
      ["a_b.example.org", /letters/],
      ["bücher.example", /letters/],
      ["-a.example.org", /hyphen/],
      ["a..example.org", /empty/]
    ] as const
  )("has a host that can be one: %j is refused", ([text, why]) => refused(text, why))

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
