/**
 * A hash over everything that happened in a run, in its order: two runs are the same if and only if it is the same.
 */

// Signed, as all that comes of them is: a field that holds both kinds of numbers is slow.
const FNV_OFFSET = 0x811c9dc5 | 0
const FNV_PRIME = 0x01000193
const SECOND_OFFSET = 0x9e3779b9 | 0
const SECOND_PRIME = 0x85ebca6b
const HEX_DIGITS = 8

/** A running hash of 64 bits, of two streams of whole numbers of 32 bits. Not for secrets. */
export class TraceHash {
  private one = FNV_OFFSET
  private other = SECOND_OFFSET

  /** Takes in a whole number; of a larger one both halves count. */
  number(value: number): void {
    this.word(value >>> 0)
    this.word(Math.floor(value / 0x1_0000_0000) >>> 0)
  }

  /** Takes in a text, character by character, and its length. */
  text(value: string): void {
    this.word(value.length)
    // In local variables: a field is written each time, and nearly all of a trace is text.
    let { one, other } = this
    for (let i = 0; i < value.length; i++) {
      one = mixedOne(one, value.charCodeAt(i))
      other = mixedOther(other, one, value.charCodeAt(i))
    }
    this.one = one
    this.other = other
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return [this.one, this.other].map((word) => (word >>> 0).toString(16).padStart(HEX_DIGITS, "0")).join("")
  }

  private word(value: number): void {
    this.one = mixedOne(this.one, value)
    this.other = mixedOther(this.other, this.one, value)
  }
}

const mixedOne = (one: number, value: number): number => {
  const mixed = Math.imul(one ^ value, FNV_PRIME)
  return mixed ^ (mixed >>> 15)
}

/** Takes the first half as it is behind the same number. */
const mixedOther = (other: number, one: number, value: number): number => {
  const mixed = Math.imul((other ^ value) + one, SECOND_PRIME)
  return mixed ^ (mixed >>> 13)
}
