/**
 * The flooder of garbage hashes: it fills memories with transactions that do not exist.
 */
import { Duration, Effect } from "effect"
import { ITEM_HASH_BYTES } from "../../../core/ItemHash.ts"
import { MAX_HASHES_PER_MESSAGE } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import { HASHES_AT } from "../../../core/stellar/MessageWalk.ts"
import { WORD_BYTES, writeUint32 } from "../../../core/Xdr.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface GarbageHashesOptions extends HostileOptions {
  /** Adverts in all. Default: 100, which is 100,000 hashes. */
  readonly adverts?: number
  /** Hashes in each. Default: 1000, the most that one may hold. */
  readonly hashes?: number
  /** Time between two adverts. Default: 50 ms. */
  readonly every?: Duration.Duration
}

/** An advert of the hashes that stand in these bytes: the schema would take each apart. */
const advertOf = (hashes: Uint8Array): Uint8Array => {
  const message = new Uint8Array(HASHES_AT + hashes.length)
  writeUint32(message, 0, MessageType.FLOOD_ADVERT)
  writeUint32(message, WORD_BYTES, hashes.length / ITEM_HASH_BYTES)
  message.set(hashes, HASHES_AT)
  return message
}

/** Advertises made-up hashes, each once. */
export const garbageHashes = caller<GarbageHashesOptions>({
  name: "garbage-hashes",
  does: "Advertises made-up hashes by the thousand, within its credit, and never twice the same.",
  demands:
    "Bear it: bound what it offers and what is on demand, shed and give up the rest, and demand from others as before."
}, (
  { connect, randomBytes },
  { adverts = 100, every = Duration.millis(50), hashes = MAX_HASHES_PER_MESSAGE }
) =>
  connect((session) =>
    session.inside(Effect.gen(function*() {
      for (let sent = 0; sent < adverts; sent++) {
        yield* session.sayBytesInCredit("FLOOD_ADVERT", advertOf(yield* randomBytes(hashes * ITEM_HASH_BYTES)))
        yield* Effect.sleep(every)
      }
    }))
  ))
