/**
 * Keeps the right number of the right peers: dials configured and known addresses as long as peers are missing, takes up the
 * addresses that peers tell, and says what is told to them.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { PeerAddress } from "../core/PeerAddress.ts"
import type { PeerId } from "../core/PeerId.ts"
import type { PeerStoreError } from "./PeerStore.ts"

/** How the configuration names an address: to be dialled, or to be dialled first and kept. */
export type ConfiguredKind = "known" | "preferred"

/** How things stand, for logs and for people. */
export interface ConnectionStatus {
  /** Outbound peers that are aimed at now; preferred ones may come on top. */
  readonly target: number
  /** Dials that have not ended. */
  readonly dialing: number
  /** Dials since the start. */
  readonly dials: number
  /** Dials since the start that gave no peer. */
  readonly failedDials: number
  /** Learned addresses that wait to be entered in the book. */
  readonly learnedWaiting: number
  /** Learned addresses since the start that were not believed, as private ones. */
  readonly learnedRefused: number
  /** Learned addresses since the start that found the queue full. */
  readonly learnedShed: number
  /** Configured texts for which there is no address, yet or at all. */
  readonly unresolved: ReadonlyArray<string>
}

/** The keeper of connections. It dials from when it is built. */
export class ConnectionManager extends Context.Service<ConnectionManager, {
  /**
   * Takes up addresses that the peer at `from` has told; gives how many are new to the queue. Never waits.
   *
   * Only IPv4 addresses with a port from 1 to 65535 are taken that can be reached from everywhere (or are local, where that is
   * allowed), and that are not our own as far as can be told. The queue is bounded: when it is full, what comes is dropped and
   * counted, so that a talkative peer cannot push out what others told.
   */
  readonly learn: (addresses: ReadonlyArray<PeerAddress>, from: PeerAddress) => number
  /**
   * What the peer that listens at `receiver` is told: addresses of the book that seldom failed, at random, without its own and
   * without those of private networks (unless local ones are allowed). May be empty.
   */
  readonly addressesFor: (receiver: PeerAddress) => Effect.Effect<ReadonlyArray<PeerAddress>, PeerStoreError>
  /** How the configuration names this address, by what its texts resolve to now. */
  readonly configured: (address: PeerAddress) => ConfiguredKind | undefined
  /** Whether a peer is preferred: by where it listens, or by its key, which it has proven to hold. */
  readonly isPreferred: (address: PeerAddress, id: PeerId) => boolean
  /** Whether a preferred address is of this IP: more cannot be said of somebody who comes in. */
  readonly mayBePreferred: (ip: string) => boolean
  /** Whether an address of the configuration is of this IP, by what its texts resolve to now. */
  readonly isConfigured: (ip: string) => boolean
  readonly status: () => ConnectionStatus
}>()("effect-overlay/services/ConnectionManager") {}
