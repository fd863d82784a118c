/**
 * Which addresses are believed when a stranger names them. The edges are those of RFC 1122, 1918, 2544, 3927, 5737, 5771, 6598,
 * 6890 and 7526.
 */
import { assert, describe, it } from "@effect/vitest"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import { isDialable, isLoopback, isOwn, isPrivate, isRoutable } from "../../src/core/RoutableAddress.ts"

const open = [
  "1.0.0.0",
  "8.8.8.8",
  "9.255.255.255",
  "11.0.0.0",
  "126.255.255.255",
  "128.0.0.0",
  "172.15.255.255",
  "172.32.0.0"
]
  .concat(["192.167.255.255", "192.169.0.0", "169.253.255.255", "169.255.0.0", "100.63.255.255", "100.128.0.0"])
  .concat(["191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0", "192.88.98.255", "192.88.100.0"])
  .concat(["198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0"])
  .concat(["223.255.255.255"])
const loopback = ["127.0.0.0", "127.0.0.1", "127.255.255.255"]
const privates = ["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"]
const locals = ["169.254.0.0", "169.254.255.255", "100.64.0.0", "100.127.255.255"]
  .concat(["198.18.0.0", "198.19.255.255"])
const nobodys = ["0.0.0.0", "0.255.255.255", "224.0.0.0", "239.1.2.3", "240.0.0.0", "255.255.255.255"]
  .concat(["192.0.0.0", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255"])
  .concat(["198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255"])
const noQuads = [
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "1..3.4",
  "1.2.3.-4",
  "1.2.3.0x4",
  "::1",
  "::ffff:8.8.8.8",
  "::ffff:0808:0808",
  "host"
]

const all = [...open, ...loopback, ...privates, ...locals, ...nobodys, ...noQuads]

describe("An address that somebody names", () => {
  it("is believed when it can be reached from everywhere", () => {
    assert.deepStrictEqual(all.filter((ip) => isRoutable(ip, { allowLocal: false })), open)
  })

  it("is believed in a local network as well, where that is allowed, unless it can be nobody's", () => {
    assert.deepStrictEqual(
      all.filter((ip) => isRoutable(ip, { allowLocal: true })),
      [...open, ...loopback, ...privates, ...locals]
    )
  })

  it("is loopback in all of 127/8, and nowhere else", () => {
    assert.deepStrictEqual(all.filter(isLoopback), loopback)
  })

  it("is private in the three networks that are set apart for it, and nowhere else [core: private addresses]", () => {
    assert.deepStrictEqual(all.filter(isPrivate), privates)
  })

  it("may be dialled when its port is one as well", () => {
    const ports = [-1, 0, 0.5, 1, 11_625, 65_535, 65_536, NaN]
    const isGood = (ip: string) => (port: number) => isDialable(tcpAddress(ip, port), { allowLocal: false })
    assert.deepStrictEqual(ports.filter(isGood("8.8.8.8")), [1, 11_625, 65_535])
    assert.deepStrictEqual(ports.filter(isGood("10.0.0.1")), [])
  })

  it.each(
    [
      ["127.0.0.1", 1, "127.0.0.1", 1, true],
      ["127.0.0.1", 2, "127.0.0.1", 1, false],
      ["127.0.0.2", 1, "127.0.0.1", 1, false],
      ["127.0.0.1", 1, "0.0.0.0", 1, true],
      ["127.9.9.9", 1, "0.0.0.0", 1, true],
      ["127.0.0.1", 2, "0.0.0.0", 1, false],
      ["8.8.8.8", 1, "0.0.0.0", 1, false],
      ["8.8.8.8", 1, "8.8.8.8", 1, true]
    ] as const
  )("%s:%i is a node's own when it listens at %s:%i: case %#", (ip, port, listenIp, listenPort, expected) => {
    assert.strictEqual(isOwn(tcpAddress(ip, port), tcpAddress(listenIp, listenPort)), expected)
    assert.isFalse(isOwn(tcpAddress(ip, port), undefined))
  })
})
