/**
 * The ledger that the messages of a survey are dated with.
 */
import { LEDGER_CLOSE_MILLIS, SURVEY_LEDGER_BRACKET } from "../limits.ts"

/** Beyond the largest ledger there is (uint32). */
const LEDGERS = 0x1_0000_0000

/** Tells whether a message dated `ledger` is neither too old nor from the future for who stands at `own`. */
export const isTimely = (ledger: number, own: number): boolean =>
  ledger + SURVEY_LEDGER_BRACKET >= own && ledger <= own + SURVEY_LEDGER_BRACKET

/**
 * The ledger of a node: the last one it knows, and where it follows none, the number of the ledger's time since 1970.
 *
 * So nodes of a network without validators, whose clocks agree to half a minute, can be surveyed. On a public network such a
 * number is far from any ledger: who does not know the ledger yet takes no part.
 */
export const surveyLedger = (known: number | undefined, nowMillis: number): number =>
  known ?? Math.floor(nowMillis / LEDGER_CLOSE_MILLIS) % LEDGERS
