import { assert, describe, it } from "@effect/vitest"
import { Chain, type Chained } from "../../src/core/Chain.ts"

interface Link extends Chained<Link> {
  readonly name: string
}
const link = (name: string): Link => ({ name, next: undefined })

describe("A chain", () => {
  it("gives in the order in which it took, also to who takes and gives in turn", () => {
    const chain = new Chain<Link>()
    chain.push(link("a"))
    chain.push(link("b"))
    assert.strictEqual(chain.first?.name, "a")
    assert.strictEqual(chain.last?.name, "b")
    assert.strictEqual(chain.shift()?.name, "a")
    chain.push(link("c"))
    assert.deepStrictEqual([chain.shift()?.name, chain.shift()?.name, chain.shift()?.name], ["b", "c", undefined])
    assert.isUndefined(chain.last)
  })

  it("lets go of who left, so that he can go into another one", () => {
    const [one, other] = [new Chain<Link>(), new Chain<Link>()]
    const moved = link("a")
    one.push(moved)
    one.push(link("b"))
    one.shift()
    other.push(moved)
    assert.isUndefined(other.first?.next)
    assert.strictEqual(one.first?.name, "b")
  })

  it("is empty when it was cleared", () => {
    const chain = new Chain<Link>()
    chain.push(link("a"))
    chain.clear()
    assert.isUndefined(chain.shift())
    chain.push(link("b"))
    assert.strictEqual(chain.shift()?.name, "b")
  })
})
