/**
 * The messages that the link bench sends: SCP_MESSAGEs of a chosen length, no two the same.
 *
 * They are well formed and not validly signed: nobody in the bench verifies signatures, which are the application's. What
 * makes each one new is its slot number, written over a message that has left already: to make messages is not what is
 * measured.
 */
import { Result } from "effect"
import { encodeMessage } from "../src/core/stellar/messages.ts"

/** An SCP_MESSAGE of an EXTERNALIZE statement with an empty value. */
const SHORTEST_BYTES = 164
/** From the message's kind to the lower half of the slot: kind (4), kind of key (4), key (32), upper half (4). */
const SLOT_AT = 44

const bytesOf = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

/** Tells whether there is a message of this length. */
export const isMessageSize = (size: number): boolean => size >= SHORTEST_BYTES && size % 4 === 0

/** One message of this length. */
export const makeMessage = (size: number): Uint8Array =>
  Result.getOrThrow(encodeMessage({
    _tag: "SCP_MESSAGE",
    envelope: {
      statement: {
        nodeID: bytesOf(32, 1),
        slotIndex: 0n,
        pledges: {
          _tag: "SCP_ST_EXTERNALIZE",
          externalize: {
            commit: { counter: 1, value: bytesOf(size - SHORTEST_BYTES, 2) },
            nH: 1,
            commitQuorumSetHash: bytesOf(32, 3)
          }
        }
      },
      signature: bytesOf(64, 4)
    }
  }))

/** Gives the next message; one is good until `kept` more have been made. */
export const messageMaker = (size: number, kept: number): () => Uint8Array => {
  const template = makeMessage(size)
  const ring = Array.from({ length: kept + 1 }, () => template.slice())
  let count = 0
  return () => {
    const message = ring[count % ring.length]!
    count += 1
    message[SLOT_AT] = count >>> 24
    message[SLOT_AT + 1] = count >>> 16
    message[SLOT_AT + 2] = count >>> 8
    message[SLOT_AT + 3] = count
    return message
  }
}
