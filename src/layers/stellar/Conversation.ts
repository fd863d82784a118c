/**
 * What two authenticated peers say beside floods and credit: queries and their answers, addresses, pings.
 *
 * Which kinds may be said at all, and what ends the session, is the protocol's table of what is accepted in which state.
 */
import type { DropReason } from "../../core/DropReason.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { tcpAddress } from "../../core/PeerAddress.ts"
import { Drop } from "../../core/stellar/DropReason.ts"
import {
  dontHaveMessage,
  missingQuorumSetHashAt,
  quorumSetQuery,
  quorumSetQueryHashAt
} from "../../core/stellar/HotMessages.ts"
import * as limits from "../../core/stellar/limits.ts"
import { MessageType, type StellarMessage } from "../../core/stellar/messages.ts"
import { QueryWindow, queryWindowSeconds, setQueriesPerWindow } from "../../core/stellar/QueryWindow.ts"
import type { SurveyMessage } from "../../core/stellar/survey/SurveyMessages.ts"
import { walkGeneralizedTransactionSet, walkTransactionSet } from "../../core/stellar/TransactionWalk.ts"
import { readUint32, WORD_BYTES, writeUint32 } from "../../core/Xdr.ts"
import type { Peer } from "../../services/Peers.ts"
import type { SessionSurroundings } from "./SessionSurroundings.ts"
import type { StellarCounters } from "./StellarCounters.ts"

/** The peer that is talked with. */
export interface Interlocutor extends Pick<Peer, "address" | "direction" | "offer" | "offerControl"> {
  /** When its last bytes came. */
  readonly lastReadMillis: () => number
  /** Told of each ping that was answered, and after how many milliseconds. */
  readonly roundTrip: (millis: number) => void
  /** Told that it does not have this item: kind as a number, 32 bytes of hash. Whether we look for that. */
  readonly lacks: (type: number, hash: Uint8Array) => boolean
  /** Told of each item that it gave, and whether somebody waited for that. */
  readonly gave: (isWanted: boolean, bytes: number) => void
}

/** The conversation with one peer. */
export class Conversation {
  /** Of the last ping that was answered. */
  latencyMillis: number | undefined
  private readonly around: Pick<
    SessionSurroundings,
    "application" | "counters" | "crypto" | "fetching" | "learn" | "scpStateAnswers"
  >
  private readonly peer: Interlocutor
  /** 32 bytes that nobody can guess; the last word counts the pings. */
  private readonly pingHash: Uint8Array
  private pingSentAtMillis: number | undefined
  private hasToldPeers = false
  private readonly scpStateQueries = new QueryWindow()
  private readonly transactionSetQueries = new QueryWindow()
  private readonly quorumSetQueries = new QueryWindow()

  constructor(around: Conversation["around"], peer: Interlocutor, pingSeed: Uint8Array) {
    this.around = around
    this.peer = peer
    this.pingHash = pingSeed
  }

  /** Ends it: what was to be answered later is not. */
  leave(): void {
    this.around.scpStateAnswers.leave(this.peer)
  }

  /** Asks for a quorum set that cannot be: the answer tells how long the way is. Not while one is on its way. */
  ping(nowMillis: number): void {
    if (this.pingSentAtMillis !== undefined) return
    const at = this.pingHash.length - WORD_BYTES
    writeUint32(this.pingHash, at, readUint32(this.pingHash, at) + 1)
    this.pingSentAtMillis = nowMillis
    this.peer.offerControl(quorumSetQuery(this.pingHash))
  }

  /**
   * Takes a ping or the answer to one, if the message at `bytes[from, to)` is that; tells whether it was. They are most of what
   * quiet peers say, and reading them with the schema costs more than all else about them.
   */
  onPing(bytes: Uint8Array, from: number, to: number): boolean {
    const asked = quorumSetQueryHashAt(bytes, from, to)
    if (asked >= 0) this.onQuorumSetAsked(bytes.subarray(asked, to))
    const missing = asked >= 0 ? -1 : missingQuorumSetHashAt(bytes, from, to)
    if (missing >= 0) this.onMissing(MessageType.SCP_QUORUMSET, bytes.subarray(missing, to))
    return asked >= 0 || missing >= 0
  }

  /** Takes a message that is not flooded, which stands at `bytes[from, to)`; gives the reason if it ends the session. */
  onMessage(
    message: Exclude<StellarMessage, SurveyMessage>,
    bytes: Uint8Array,
    from: number,
    to: number
  ): DropReason | undefined {
    switch (message._tag) {
      case "HELLO":
        return Drop.UnexpectedHello
      case "AUTH":
        return Drop.OutOfOrderAuth
      case "SEND_MORE":
        return Drop.UnexpectedSendMore
      case "PEERS":
        return this.onPeers(message.peers)
      case "GET_SCP_QUORUMSET":
        return this.onQuorumSetAsked(message.qSetHash)
      case "GET_TX_SET":
        return this.answer(
          this.transactionSetQueries,
          () =>
            this.around.application.transactionSet(ItemHash.fromBytes(message.txSetHash))
              ?? dontHaveMessage(MessageType.GENERALIZED_TX_SET, message.txSetHash)
        )
      case "GET_SCP_STATE":
        return this.onScpStateAsked(message.ledgerSeq)
      case "DONT_HAVE":
        return this.onMissing(message.dontHave.type, message.dontHave.reqHash)
      case "SCP_QUORUMSET":
        return this.isPingAnswer(this.digestOfArm(bytes, from, to))
          ? undefined
          : this.onItem(this.around.fetching.takeQuorumSet(message.qSet, bytes, from, to), to - from)
      case "TX_SET":
        return this.onTransactionSet("TX_SET", walkTransactionSet, bytes, from, to)
      case "GENERALIZED_TX_SET":
        return this.onTransactionSet("GENERALIZED_TX_SET", walkGeneralizedTransactionSet, bytes, from, to)
      default:
        // What has a way of its own never comes here.
        return undefined
    }
  }

  private onQuorumSetAsked(hash: Uint8Array): undefined {
    return this.answer(
      this.quorumSetQueries,
      () =>
        this.around.application.quorumSet(ItemHash.fromBytes(hash)) ?? dontHaveMessage(MessageType.SCP_QUORUMSET, hash)
    )
  }

  private digestOfArm(bytes: Uint8Array, from: number, to: number): Uint8Array {
    return ItemHash.toBytes(this.around.crypto.sha256(bytes.subarray(from + WORD_BYTES, to)))
  }

  private onPeers(told: Extract<StellarMessage, { _tag: "PEERS" }>["peers"]): DropReason | undefined {
    if (this.peer.direction === "inbound") return Drop.UnexpectedPeers
    if (this.hasToldPeers) return Drop.TooManyPeers
    this.hasToldPeers = true
    // IPv6 is not dialled, as in core; nor is an IPv4 address that is mapped into it: no honest node writes one so.
    const addresses = told.flatMap(({ ip, port }) => ip._tag === "IPv4" ? [tcpAddress(ip.ipv4.join("."), port)] : [])
    this.around.learn(addresses, this.peer.address)
    return undefined
  }

  /** How long queries are counted: the window follows the pace of the network. */
  private windowSeconds(): number {
    return queryWindowSeconds(this.around.application.limits().ledgerCloseMillis)
  }

  private answer(window: QueryWindow, message: () => Uint8Array): undefined {
    const seconds = this.windowSeconds()
    if (!window.allows(this.peer.lastReadMillis(), seconds, setQueriesPerWindow(seconds))) {
      return this.count("queriesOverLimit")
    }
    this.peer.offerControl(message())
    return this.count("queriesAnswered")
  }

  private onScpStateAsked(ledger: number): DropReason | undefined {
    const perWindow = limits.SCP_STATE_QUERIES_PER_WINDOW
    if (!this.scpStateQueries.allows(this.peer.lastReadMillis(), this.windowSeconds(), perWindow)) {
      return this.count("queriesOverLimit")
    }
    this.around.scpStateAnswers.answer(this.peer, ledger)
    return this.count("queriesAnswered")
  }

  private onTransactionSet(
    kind: "TX_SET" | "GENERALIZED_TX_SET",
    walk: typeof walkTransactionSet,
    bytes: Uint8Array,
    from: number,
    to: number
  ): DropReason | undefined {
    const verdict = walk(bytes, from + WORD_BYTES, to)
    if (verdict === "malformed") return Drop.CorruptXdr
    // Nobody here could vouch for it, and whoever gets it from us would blame us.
    if (verdict === "unknown") return this.count("itemsUnknown")
    return this.onItem(this.around.fetching.takeTransactionSet(kind, bytes, from, to), to - from)
  }

  private onItem(isWanted: boolean, bytes: number): undefined {
    this.peer.gave(isWanted, bytes)
    return isWanted ? undefined : this.count("ignoredWithoutOwner")
  }

  private onMissing(type: number, hash: Uint8Array): undefined {
    return this.isPingAnswer(hash) || this.peer.lacks(type, hash) ? undefined : this.count("ignoredWithoutOwner")
  }

  /** Takes the answer to our ping, whatever it says; tells whether it was that. */
  private isPingAnswer(hash: Uint8Array): boolean {
    if (this.pingSentAtMillis === undefined || !hash.every((byte, i) => byte === this.pingHash[i])) return false
    this.latencyMillis = this.peer.lastReadMillis() - this.pingSentAtMillis
    this.pingSentAtMillis = undefined
    this.peer.roundTrip(this.latencyMillis)
    return true
  }

  private count(counter: keyof StellarCounters): undefined {
    this.around.counters[counter] += 1
  }
}
