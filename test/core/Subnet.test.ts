import { assert, describe, it } from "@effect/vitest"
import { contains, ipNumber, isSingle, subnet } from "../../src/core/Subnet.ts"

const holds = (range: string, ip: string): boolean => contains(subnet(range)!, ipNumber(ip)!)

describe("A subnet", () => {
  it("holds the addresses that begin as it does, from the first to the last", () => {
    for (const ip of ["10.1.0.0", "10.1.255.255"]) assert.isTrue(holds("10.1.0.0/16", ip), ip)
    for (const ip of ["10.0.255.255", "10.2.0.0", "138.1.0.0"]) assert.isFalse(holds("10.1.0.0/16", ip), ip)
    assert.isTrue(holds("192.168.1.128/25", "192.168.1.255"))
    assert.isFalse(holds("192.168.1.128/25", "192.168.1.127"))
  })

  it("may be one address, or all", () => {
    assert.isTrue(holds("255.255.255.255", "255.255.255.255"))
    assert.isFalse(holds("255.255.255.255", "255.255.255.254"))
    assert.isTrue(holds("0.0.0.0/0", "255.255.255.255"))
    assert.deepStrictEqual(subnet("10.1.2.3"), subnet("10.1.2.3/32"))
    assert.deepStrictEqual([isSingle(subnet("10.1.2.3")!), isSingle(subnet("10.1.2.3/31")!)], [true, false])
  })

  it("is the one that an address in it names", () => {
    assert.deepStrictEqual(subnet("10.1.2.3/16"), subnet("10.1.0.0/16"))
  })

  it("is not read from anything else", () => {
    for (
      const text of [
        "",
        "10.1.0.0/33",
        "10.1.0.0/",
        "10.1.0.0/8/8",
        "10.1.0/8",
        "10.1.0.256",
        "a.b.c.d",
        "01.1.1.1",
        "1.1.1.1/+8"
      ]
    ) {
      assert.isUndefined(subnet(text), text)
    }
  })
})
