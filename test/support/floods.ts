/** Peers that only write down what they are told, and hashes with a number, for the tests of floods. */
import { Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import type { Priority } from "../../src/core/Priority.ts"
import type { Peer } from "../../src/services/Peers.ts"

/** What a `RecordingPeer` was given. */
export interface RecordingPeer extends Peer {
  readonly offered: Array<readonly [Priority, Uint8Array]>
  readonly adverts: Array<ReadonlyArray<ItemHash.ItemHash>>
  readonly demands: Array<ReadonlyArray<ItemHash.ItemHash>>
  /** Whether it takes what it is given. */
  taking: boolean
}

/** Makes a peer with this slot, and a name from it. */
export const recordingPeer = (slot: number): RecordingPeer => {
  const peer: RecordingPeer = {
    id: PeerId(`peer-${slot}`),
    address: tcpAddress("127.0.0.1", 10_000 + slot),
    direction: "inbound",
    slot,
    offered: [],
    adverts: [],
    demands: [],
    taking: true,
    offer: (priority, message) => {
      if (peer.taking) peer.offered.push([priority, message])
      return peer.taking
    },
    offerControl: () => false,
    advertise: (hashes) => {
      if (peer.taking) peer.adverts.push(hashes)
      return peer.taking
    },
    demand: (hashes) => {
      if (peer.taking) peer.demands.push(hashes)
      return peer.taking
    },
    drop: () => {}
  }
  return peer
}

/** The hash with this number: its digits, and zeros. */
export const hashOf = (number: number): ItemHash.ItemHash => {
  const bytes = new Uint8Array(ItemHash.ITEM_HASH_BYTES)
  new DataView(bytes.buffer).setUint32(0, number)
  return ItemHash.fromBytes(bytes)
}

/** The hashes from one number to another, both included. */
export const hashesOf = (first: number, last: number): Array<ItemHash.ItemHash> =>
  Array.from({ length: last - first + 1 }, (_, i) => hashOf(first + i))

/** Whole numbers from 0 to below a bound, the same for the same seed (the generator mulberry32). */
export const numbers = (seed: number): (bound: number) => number => {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * bound)
  }
}

/** Bytes that look random, the same for the same seed. */
export const bytesOf = (seed: number, size: number): Uint8Array => {
  const below = numbers(seed)
  return Uint8Array.from({ length: size }, () => below(256))
}

/** Secure randomness that is neither, so that a failing test fails again. */
export const seededSecureRandom = Layer.succeed(
  SecureRandom.SecureRandom,
  SecureRandom.make((size) => bytesOf(1, size))
)
