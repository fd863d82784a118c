/**
 * Flooding by push, as a layer of the pull flood's service: what would be put on offer goes out whole, at once.
 *
 * Only what this node tells is different. Who offers it something is asked, and who asks it is answered: nodes that push and
 * nodes that pull understand each other.
 */
import type { Scope } from "effect"
import { Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { HashHistory } from "../../core/HashHistory.ts"
import { HashKeys, SALT_BYTES } from "../../core/HashKeys.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import type { Peer } from "../../services/Peers.ts"
import { PullFlood } from "../../services/PullFlood.ts"
import * as RuntimePullFlood from "./RuntimePullFlood.ts"

/**
 * Makes the flood of one node that pushes. An item is sent as soon as it would be put on offer; one that is not here is not,
 * and one that the peer has offered itself is not either.
 */
export const make = Effect.fnUntraced(
  function*(
    options: RuntimePullFlood.PullFloodOptions
  ): Effect.fn.Return<PullFlood["Service"], never, SecureRandom.SecureRandom | Scope.Scope> {
    const { historyEntries, priority, questions } = options
    const pull = yield* RuntimePullFlood.make(options)
    const keys = new HashKeys(yield* (yield* SecureRandom.SecureRandom).randomBytes(SALT_BYTES))
    /** What each peer has offered. It takes no memory while nobody offers anything. */
    const histories = new Map<Peer, HashHistory>()

    return PullFlood.of({
      ...pull,
      join: (peer) => {
        histories.set(peer, new HashHistory(keys, historyEntries))
        pull.join(peer)
      },
      leave: (peer) => {
        histories.delete(peer)
        pull.leave(peer)
      },
      advertise: (peer, hash) => {
        const history = histories.get(peer)
        if (history === undefined || history.has(hash)) return false
        const message = questions.answer(hash)
        return message !== undefined && peer.offer(priority, message, questions.bringer(hash))
      },
      onAdvert: (peer, bytes, offset, count) => {
        const history = histories.get(peer)
        if (history === undefined) return
        const epoch = questions.epoch()
        for (let i = 0; i < count; i++) {
          history.note(ItemHash.fromBytes(bytes, offset + i * ItemHash.ITEM_HASH_BYTES), epoch)
        }
        pull.onAdvert(peer, bytes, offset, count)
      },
      forgetBelow: (epoch) => {
        for (const history of histories.values()) history.dropBelow(epoch)
        pull.forgetBelow(epoch)
      }
    })
  }
)

/** The flood of one node that pushes. */
export const layer = (
  options: RuntimePullFlood.PullFloodOptions
): Layer.Layer<PullFlood, never, SecureRandom.SecureRandom> => Layer.effect(PullFlood, make(options))
