/**
 * All properties that every run is checked for.
 */
import { memoryIsBounded, nothingIsLeft } from "./bounds.ts"
import { breachesEndSessions } from "./breaches.ts"
import { configuredAreConnected, pendingEnd, refusalsAreTrue } from "./connections.ts"
import { everythingArrives } from "./delivery.ts"
import { demandRules, demandsHaveTheirTime } from "./demands.ts"
import { itemsAreAskedForAgain, nothingWhileLost, onlyAwaitedItems } from "./items.ts"
import { preferredComeFirst } from "./preferences.ts"
import { badFramesEndTheSession, onlyWhatWasSaid, onlyWhatWasSent, processedOnce } from "./processing.ts"
import type { Property } from "./Property.ts"
import { answersHaveALimit } from "./queries.ts"
import { demandsAreRetried } from "./retries.ts"
import {
  bansHold,
  booksHold,
  honestPeersAreNotBlamed,
  noDefects,
  noForbiddenDials,
  oneSessionAPair,
  onlyRealPeers,
  peersAreSessions,
  slotLimits
} from "./sessions.ts"
import { sharesHold } from "./shares.ts"
import { surveysTellTheTruth } from "./surveys.ts"
import { onlyWellFormed } from "./wellFormed.ts"
import { creditIsConserved, crossesOnce, notToldBack, peersFromTheCalled, scpGoesFirst, sequencesRise } from "./wire.ts"

/** The properties that need no reading of frames: for runs that measure. */
export const cheapProperties: ReadonlyArray<Property> = [
  onlyRealPeers,
  oneSessionAPair,
  slotLimits,
  sharesHold,
  peersAreSessions,
  refusalsAreTrue,
  configuredAreConnected,
  preferredComeFirst,
  honestPeersAreNotBlamed,
  noDefects,
  bansHold,
  booksHold,
  noForbiddenDials,
  processedOnce,
  onlyWhatWasSaid,
  onlyAwaitedItems,
  nothingWhileLost,
  surveysTellTheTruth,
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
  demandsHaveTheirTime,
  demandsAreRetried,
  itemsAreAskedForAgain,
  breachesEndSessions,
  answersHaveALimit,
  onlyWellFormed,
  pendingEnd
]
