/**
 * What one peer brought, new or known before: for surveys and for operators.
 */
import type { PeerInfo } from "../../services/Overlay.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import type { StellarCounters } from "./StellarCounters.ts"

/** Nothing received yet. */
export const noReception = () => ({
  uniqueFloodBytes: 0,
  duplicateFloodBytes: 0,
  uniqueFetchBytes: 0,
  duplicateFetchBytes: 0,
  uniqueFloodMessages: 0,
  duplicateFloodMessages: 0,
  uniqueFetchMessages: 0,
  duplicateFetchMessages: 0
})

/** What one peer brought: live, and plain fields because each message adds to them. */
export type Reception = ReturnType<typeof noReception>

/** Counts what was flooded to us, for the peer and for the node. */
export const countFlood = (reception: Reception, counters: StellarCounters, isNew: boolean, bytes: number): void => {
  if (isNew) {
    counters.floodBytesNew += bytes
    reception.uniqueFloodMessages += 1
    reception.uniqueFloodBytes += bytes
  } else {
    counters.floodBytesDuplicate += bytes
    reception.duplicateFloodMessages += 1
    reception.duplicateFloodBytes += bytes
  }
}

/** Counts an item that came, for the same: one that somebody waited for, or one more. */
export const countItem = (reception: Reception, counters: StellarCounters, isWanted: boolean, bytes: number): void => {
  if (isWanted) {
    counters.fetchBytesNew += bytes
    reception.uniqueFetchMessages += 1
    reception.uniqueFetchBytes += bytes
  } else {
    counters.fetchBytesDuplicate += bytes
    reception.duplicateFetchMessages += 1
    reception.duplicateFetchBytes += bytes
  }
}

/** The same for people to look at. */
export const receptionInfo = (reception: Reception): Pick<PeerInfo<Stellar>, "flooded" | "fetched"> => ({
  flooded: {
    newMessages: reception.uniqueFloodMessages,
    newBytes: reception.uniqueFloodBytes,
    duplicateMessages: reception.duplicateFloodMessages,
    duplicateBytes: reception.duplicateFloodBytes
  },
  fetched: {
    newMessages: reception.uniqueFetchMessages,
    newBytes: reception.uniqueFetchBytes,
    duplicateMessages: reception.duplicateFetchMessages,
    duplicateBytes: reception.duplicateFetchBytes
  }
})
