/**
 * All properties that every run is checked for.
 */
import { memoryIsBounded, nothingIsLeft } from "./bounds.ts"
import { breachesEndSessions } from "./breaches.ts"
import { everythingArrives } from "./delivery.ts"
import { demandRules } from "./demands.ts"
import { badFramesEndTheSession, onlyWhatWasSaid, onlyWhatWasSent, processedOnce } from "./processing.ts"
import type { Property } from "./Property.ts"
import { demandsAreRetried } from "./retries.ts"
import {
  bansHold,
  booksHold,
  honestPeersAreNotBlamed,
  noDefects,
  noForbiddenDials,
  oneSessionAPair,
  onlyRealPeers,
  slotLimits
} from "./sessions.ts"
import { creditIsConserved, crossesOnce, notToldBack, peersFromTheCalled, scpGoesFirst, sequencesRise } from "./wire.ts"

/** The properties that need no reading of frames: for runs that measure. */
export const cheapProperties: ReadonlyArray<Property> = [
  onlyRealPeers,
  oneSessionAPair,
  slotLimits,
  honestPeersAreNotBlamed,
  noDefects,
  bansHold,
  booksHold,
  noForbiddenDials,
  processedOnce,
  onlyWhatWasSaid,
  memoryIsBounded,
  everythingArrives,
  nothingIsLeft
]

/** All of them: `[...allProperties, mine]` adds one of one's own. */
export const allProperties: ReadonlyArray<Property> = [
  ...cheapProperties,
  onlyWhatWasSent,
  badFramesEndTheSession,
  sequencesRise,
  creditIsConserved,
  crossesOnce,
  scpGoesFirst,
  notToldBack,
  peersFromTheCalled,
  demandRules,
  breachesEndSessions,
  demandsAreRetried
]
