/**
 * Walks transactions and transaction sets over their bytes, to tell whether they are well-formed without making values
 * of them: a walk costs a tenth of a decode, and most transactions are only passed on.
 */
import { MAX_TRANSACTION_DEPTH } from "./limits.ts"
import {
  BOOL,
  BYTES,
  CHOOSE,
  END,
  ENUM,
  ENVELOPE,
  GENERALIZED_TRANSACTION_SET,
  GRAMMAR,
  OPTION,
  SKIP,
  SWITCH,
  TRANSACTION_ENVELOPE,
  TRANSACTION_SET,
  UNLISTED,
  VECTOR
} from "./transactionGrammar.generated.ts"

/**
 * What a walk found.
 *
 * - `well-formed`: exactly one value stands there, by the rules of XDR (RFC 4506) and the bounds of Stellar's types.
 * - `malformed`: no value can stand there, whatever later protocols add. Whoever sent it is wrong.
 * - `unknown`: well-formed up to a discriminant of a union, or a value of an enum, that this version has no meaning for.
 *   A later protocol may have given it one, so the message is not passed on, but its sender is not blamed.
 *
 * Every 32-bit value that is not listed is `unknown`, negative ones and those that another union of the same enum uses
 * included: what will be added cannot be told from garbage, and guessing wrong cuts off the peers that have upgraded.
 * It costs little, for what is unknown goes no further. A boolean and the word of an optional value have two values by
 * the rules of XDR itself: there anything else is `malformed`. So are lengths, bounds, padding, depth, a length of the
 * whole that is no multiple of 4, and a vector that promises more than the rest could hold if all its unions were bare
 * discriminants.
 */
export type Verdict = "well-formed" | "malformed" | "unknown"

/**
 * Walks a TransactionEnvelope that fills `bytes[start, end)`.
 *
 * It may be nested `MAX_TRANSACTION_DEPTH` levels deep. A struct, a union, an optional value and a vector are a level
 * each, the envelope itself is the first; an absent optional value and an empty vector count like others. Integers,
 * enums and bytes are no level, and neither is a name of a type. A length beyond `bytes` is `malformed`.
 */
export const walkEnvelope = (bytes: Uint8Array, start: number, end: number): Verdict =>
  walk(bytes, start, end, TRANSACTION_ENVELOPE)

/** Walks a legacy TransactionSet that fills `bytes[start, end)`. Levels are counted in each envelope by itself. */
export const walkTransactionSet = (bytes: Uint8Array, start: number, end: number): Verdict =>
  walk(bytes, start, end, TRANSACTION_SET)

/** Walks a GeneralizedTransactionSet that fills `bytes[start, end)`. Levels are counted in each envelope by itself. */
export const walkGeneralizedTransactionSet = (bytes: Uint8Array, start: number, end: number): Verdict =>
  walk(bytes, start, end, GENERALIZED_TRANSACTION_SET)

/** More than the levels of a set around its envelopes, of which the parallel phases of a generalized set have eight. */
const LEVELS_AROUND_ENVELOPE = 16
/** What stands on the stack for a program that waits: where it goes on, its level, and what its vector still owes. */
const FRAME_WORDS = 3
/**
 * The stack of the one walk that runs (a walk is synchronous and calls nobody). It cannot overflow: a program is
 * entered from a level above that of its caller, and levels are bounded.
 */
const STACK = new Int32Array((MAX_TRANSACTION_DEPTH + LEVELS_AROUND_ENVELOPE) * FRAME_WORDS)

/** The big-endian word at `at`, signed. */
const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!

/**
 * Runs the program at `root`. Each instruction but END and ENVELOPE takes at least a word of input, each END answers
 * an entry, and a vector's elements take input too: so the time grows with the bytes, never with what they promise.
 * A skip may go beyond the end: nothing is read there, and the next word, or the end of the root, notices.
 */
const walk = (bytes: Uint8Array, start: number, end: number, root: number): Verdict => {
  if (start < 0 || end > bytes.length || (end - start) % 4 !== 0) return "malformed"
  let at = start
  // The next word of the grammar, the level outside the running program, and the words on the stack.
  let next = root + 1
  let outside = 0
  let top = 0
  for (;;) {
    const operation = GRAMMAR[next]!
    if (operation === SKIP) {
      at += GRAMMAR[next + 1]!
      next += 2
      continue
    }
    if (operation === END) {
      if (top === 0) return at === end ? "well-formed" : "malformed"
      const owed = STACK[top - 1]!
      const back = STACK[top - FRAME_WORDS]!
      if (owed > 0) {
        STACK[top - 1] = owed - 1
        // The target is the last word of a VECTOR, and stands right before the place to go back to.
        next = GRAMMAR[back - 1]! + 1
      } else {
        next = back
        outside = STACK[top - 2]!
        top -= FRAME_WORDS
      }
      continue
    }
    if (operation === ENVELOPE) {
      outside = 0
      next += 1
      continue
    }

    if (end - at < 4) return "malformed"
    const word = wordAt(bytes, at)
    at += 4
    const operand = GRAMMAR[next + 1]!
    let target: number
    let owed = 0
    switch (operation) {
      case SWITCH: {
        const count = GRAMMAR[next + 2]!
        target = word >= 0 && word < count ? GRAMMAR[next + 3 + word]! : UNLISTED
        next += 3 + count
        break
      }
      case CHOOSE: {
        const arms = next + 3
        next = arms + 2 * GRAMMAR[next + 2]!
        target = UNLISTED
        for (let arm = arms; arm < next; arm += 2) {
          if (GRAMMAR[arm] === word) {
            target = GRAMMAR[arm + 1]!
            break
          }
        }
        break
      }
      case OPTION:
        if (word !== 0 && word !== 1) return "malformed"
        target = word === 1 ? GRAMMAR[next + 2]! : 0
        next += 3
        break
      case VECTOR:
        // Counts from 2^31 on are negative here; no message is so long.
        if (word < 0 || word > GRAMMAR[next + 2]! || word * GRAMMAR[next + 3]! > end - at) return "malformed"
        target = GRAMMAR[next + 4]!
        next += 5
        if (word === 0) target = 0
        else if (target <= 0) target *= word
        else owed = word - 1
        break
      case BYTES: {
        if (word < 0 || word > operand || word > end - at) return "malformed"
        // The padding is there too, for what is left is a multiple of 4.
        const padded = at + word + (-word & 3)
        for (let i = at + word; i < padded; i++) if (bytes[i] !== 0) return "malformed"
        at = padded
        next += 2
        continue
      }
      case ENUM:
        if (word < 0 || word >= operand) return "unknown"
        next += 2
        continue
      case BOOL:
        if (word !== 0 && word !== 1) return "malformed"
        next += 1
        continue
      default:
        // Not reached: the grammar is generated, and has no other instruction.
        return "malformed"
    }

    if (target > 0) {
      const level = outside + operand
      if (level + GRAMMAR[target]! > MAX_TRANSACTION_DEPTH) return "malformed"
      STACK[top] = next
      STACK[top + 1] = outside
      STACK[top + 2] = owed
      top += FRAME_WORDS
      outside = level
      next = target + 1
    } else if (target === UNLISTED) {
      return "unknown"
    } else {
      at -= target
    }
  }
}
