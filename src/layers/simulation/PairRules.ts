/**
 * Rules about the way from some machines to others, such as "cut from 10.1.0.0/16 to 10.2.0.0/16".
 */
import * as limits from "../../core/limits.ts"
import type { Subnet } from "../../core/Subnet.ts"
import { contains, isSingle, subnet } from "../../core/Subnet.ts"

/** Two machines, as far as a rule looks at them. */
export interface Pair {
  readonly from: { readonly number: number }
  readonly to: { readonly number: number }
}

interface Rule<A> {
  readonly from: Subnet
  readonly to: Subnet
  readonly value: A
}

/** Reads the machines that a text speaks of: one IPv4 address, or a range such as `10.1.0.0/16`. Throws a RangeError for others. */
export const readSubnet = (text: string): Subnet => {
  const read = subnet(text)
  if (read === undefined) throw new RangeError(`${text} is neither an IPv4 address nor a range of them`)
  return read
}

/** The rules of one kind, the latest last. */
export class PairRules<A> {
  private readonly rules = new Map<string, Rule<A>>()

  /** Sets the rule for these two texts, in the place of an earlier one for the same two. */
  set(from: string, to: string, value: A): void {
    const key = `${from} > ${to}`
    this.rules.delete(key)
    if (this.rules.size >= limits.VIRTUAL_RULES) throw new RangeError(`more than ${limits.VIRTUAL_RULES} rules`)
    this.rules.set(key, { from: readSubnet(from), to: readSubnet(to), value })
  }

  /** Takes the rule for these two texts away, and no other. */
  delete(from: string, to: string): void {
    this.rules.delete(`${from} > ${to}`)
  }

  clear(): void {
    this.rules.clear()
  }

  /**
   * What the rules for a pair say, the latest last. The way of a machine to itself leads over no network: only rules that
   * name it alone are about it.
   */
  of(pair: Pair): ReadonlyArray<A> {
    if (this.rules.size === 0) return NONE
    const toItself = pair.from === pair.to
    const found: Array<A> = []
    for (const { from, to, value } of this.rules.values()) {
      if (!contains(from, pair.from.number) || !contains(to, pair.to.number)) continue
      if (!toItself || (isSingle(from) && isSingle(to))) found.push(value)
    }
    return found
  }
}

const NONE: ReadonlyArray<never> = []
