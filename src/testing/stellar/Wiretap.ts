/**
 * Reads along on the links of a virtual network: the frames that are sent, and when each has arrived.
 *
 * MACs only sign, so all is readable. What cannot be cut into frames (a hostile peer's doing) is not read any further.
 */
import { Result } from "effect"
import { Chain } from "../../core/Chain.ts"
import type { CryptoShape } from "../../core/Crypto.ts"
import { MAC_BYTES } from "../../core/Crypto.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { isFrameShaped, kindAt, Sequence } from "../../core/stellar/FrameChannel.ts"
import * as limits from "../../core/stellar/limits.ts"
import { decodeMessage, MessageType } from "../../core/stellar/messages.ts"
import {
  grantedBytes,
  grantedMessages,
  hashCount,
  HASHES_AT,
  walkHashes,
  walkSendMoreExtended
} from "../../core/stellar/MessageWalk.ts"
import { makeRecordDecoder } from "../../core/stellar/RecordMark.ts"
import { peerIdFromPublicKey } from "../../core/stellar/StrKey.ts"
import { readUint32, WORD_BYTES } from "../../core/Xdr.ts"
import { type NetworkEvent, wayBack } from "../../layers/simulation/NetworkTrace.ts"

/** One direction of one link. The object is the same for all its frames. */
export interface WireWay {
  /** Its number, as `NetworkEvent` has it: no two ways of a run have the same. */
  readonly number: number
  readonly from: PeerAddress
  readonly to: PeerAddress
  /** The nodes whose machines these are, where they are nodes'. */
  readonly fromNode: number | undefined
  readonly toNode: number | undefined
  /** Whether the sender has opened the link. */
  readonly isCallers: boolean
  /** Whom the sender says to be, once its HELLO is out. */
  readonly claimed: PeerId | undefined
  /** How many chunks have come to the other machine, the one that is arriving included. */
  readonly chunks: number
  /** The other direction of the same link. */
  readonly back: WireWay
}

/** A frame on the wire. */
export interface WireFrame {
  readonly way: WireWay
  /** One of `MessageType`. */
  readonly kind: number
  /** Bytes of the message, without its envelope: what credit counts. */
  readonly bytes: number
  /** Of how many frames it is on its way, from 0; a HELLO is the first. */
  readonly index: number
  /** Whether its sequence is the next one of its direction; of HELLO and ERROR_MSG, which have none, always. */
  readonly isNext: boolean
  /** SCP_MESSAGE and TRANSACTION: the digest behind the kind, as the flood gate takes it. */
  readonly hash: ItemHash.ItemHash | undefined
  /** FLOOD_ADVERT and FLOOD_DEMAND. */
  readonly hashes: ReadonlyArray<ItemHash.ItemHash>
  /** SEND_MORE_EXTENDED. */
  readonly grant: { readonly messages: number; readonly bytes: number } | undefined
  /** DONT_HAVE: the kind of what is not there. */
  readonly missing: number | undefined
}

/** Who is told. */
export interface WireListener {
  /** The message is `bytes[from, to)`: lent until the listener returns. */
  readonly sent: (frame: WireFrame, bytes: Uint8Array, from: number, to: number) => void
  /** The last byte of the frame has come to the other machine. */
  readonly arrived: (frame: WireFrame) => void
}

/** A tap; see `make`. */
export interface Wiretap {
  /** To be called for all that happens on the network, from its beginning. */
  readonly observe: (event: NetworkEvent) => void
}

const NONE: ReadonlyArray<ItemHash.ItemHash> = []
const SEQUENCE_AT = 4

/** Makes a tap. `nodeAt` says which node an IP is; `sha256` is that of the run. */
export const make = (
  sha256: CryptoShape["sha256"],
  nodeAt: (ip: string) => number | undefined,
  listener: WireListener
): Wiretap => {
  // Each direction of each link that was ever dialled, at its number.
  const ways: Array<Way | undefined> = []

  const open = (caller: PeerAddress, called: PeerAddress, number: number): void => {
    const out = new Way(caller, called, number, true, nodeAt)
    ways[number] = out
    ways[out.back.number] = out.back
  }

  /** Whose frames are being cut: one way at a time. */
  let sender: Way | undefined
  const cut = (bytes: Uint8Array, start: number, end: number): boolean => {
    const way = sender
    if (way === undefined) return false
    way.framedBytes += limits.RECORD_MARK_BYTES + end - start
    if (!isFrameShaped(bytes, start, end)) {
      way.isOpaque = true
      return false
    }
    const from = start + limits.ENVELOPE_HEAD_BYTES
    const to = end - MAC_BYTES
    const frame = read(way, bytes, start, from, to)
    way.underWay.push({ frame, endBytes: way.framedBytes, next: undefined })
    listener.sent(frame, bytes, from, to)
    return true
  }

  const sent = (way: Way, chunk: Uint8Array): void => {
    if (way.isOpaque) return
    sender = way
    if (way.decoder.push(chunk, cut) !== undefined) way.isOpaque = true
  }

  const read = (way: Way, bytes: Uint8Array, start: number, from: number, to: number): WireFrame => {
    const kind = kindAt(bytes, start)
    const hasSequence = kind !== MessageType.HELLO && kind !== MessageType.ERROR_MSG
    const isNext = !hasSequence || way.sequence.isAt(bytes, start + SEQUENCE_AT)
    if (hasSequence && isNext) way.sequence.advance()
    if (kind === MessageType.HELLO) {
      const hello = decodeMessage(bytes.subarray(from, to))
      if (Result.isSuccess(hello) && hello.success._tag === "HELLO") {
        way.claimed = peerIdFromPublicKey(hello.success.hello.peerID)
      }
    }
    const isFlooded = kind === MessageType.SCP_MESSAGE || kind === MessageType.TRANSACTION
    const hasHashes = (kind === MessageType.FLOOD_ADVERT || kind === MessageType.FLOOD_DEMAND)
      && walkHashes(bytes, from, to)
    return {
      way,
      kind,
      bytes: to - from,
      index: way.frames++,
      isNext,
      hash: isFlooded ? sha256(bytes, from + WORD_BYTES, to) : undefined,
      hashes: hasHashes
        ? Array.from(
          { length: hashCount(bytes, from) },
          (_, i) => ItemHash.fromBytes(bytes, from + HASHES_AT + i * ItemHash.ITEM_HASH_BYTES)
        )
        : NONE,
      grant: kind === MessageType.SEND_MORE_EXTENDED && walkSendMoreExtended(bytes, from, to)
        ? { messages: grantedMessages(bytes, from), bytes: grantedBytes(bytes, from) }
        : undefined,
      missing: kind === MessageType.DONT_HAVE && to - from > WORD_BYTES
        ? readUint32(bytes, from + WORD_BYTES)
        : undefined
    }
  }

  const delivered = (way: Way, bytes: number): void => {
    way.deliveredBytes += bytes
    way.chunks += 1
    const { underWay } = way
    for (let next = underWay.first; next !== undefined && next.endBytes <= way.deliveredBytes; next = underWay.first) {
      underWay.shift()
      listener.arrived(next.frame)
    }
  }

  return {
    observe: (event) => {
      if (event._tag === "Dialled") return open(event.from, event.to, event.way)
      if (event._tag !== "Sent" && event._tag !== "Delivered") return
      const way = ways[event.way]
      if (way === undefined) return
      if (event._tag === "Delivered") delivered(way, event.bytes)
      else if (event.chunk !== undefined) sent(way, event.chunk)
    }
  }
}

/** A frame that has not arrived, and the byte behind its end. */
interface UnderWay {
  readonly frame: WireFrame
  readonly endBytes: number
  next: UnderWay | undefined
}

class Way implements WireWay {
  readonly number: number
  readonly from: PeerAddress
  readonly to: PeerAddress
  readonly fromNode: number | undefined
  readonly toNode: number | undefined
  readonly isCallers: boolean
  readonly back: Way
  claimed: PeerId | undefined
  readonly decoder = makeRecordDecoder()
  readonly sequence = new Sequence()
  isOpaque = false
  frames = 0
  /** Bytes handed over up to the end of the frame that is being read. */
  framedBytes = 0
  deliveredBytes = 0
  chunks = 0
  /** The oldest first. */
  readonly underWay = new Chain<UnderWay>()

  constructor(
    from: PeerAddress,
    to: PeerAddress,
    number: number,
    isCallers: boolean,
    nodeAt: (ip: string) => number | undefined,
    back?: Way
  ) {
    this.number = number
    this.from = from
    this.to = to
    this.fromNode = nodeAt(from.ip)
    this.toNode = nodeAt(to.ip)
    this.isCallers = isCallers
    this.decoder.setLimit(limits.MAX_MESSAGE_BYTES)
    this.back = back ?? new Way(to, from, wayBack(number), !isCallers, nodeAt, this)
  }
}
