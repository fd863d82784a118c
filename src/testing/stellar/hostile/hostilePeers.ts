/**
 * All hostile peers by name, so that a fault plan can name them.
 *
 * @example
 * ```ts
 * const outcome = hostilePeers["credit-cheat"].attack({ passphrase })(tcpAddress("127.0.0.1", 11625))
 * ```
 */
import { advertStorm } from "./advertStorm.ts"
import { creditCheat } from "./creditCheat.ts"
import { flapper } from "./flapper.ts"
import { garbageHashes } from "./garbageHashes.ts"
import type { HostilePeer } from "./HostilePeer.ts"
import { macForger } from "./macForger.ts"
import { malformedTransactions } from "./malformedTransactions.ts"
import { neverReads } from "./neverReads.ts"
import { peersPoisoner } from "./peersPoisoner.ts"
import { portLiar } from "./portLiar.ts"
import { queryStorm } from "./queryStorm.ts"
import { replayer } from "./replayer.ts"
import { setWithholder } from "./setWithholder.ts"
import { silent } from "./silent.ts"
import { slowBody } from "./slowBody.ts"
import { sybil } from "./sybil.ts"
import { withholder } from "./withholder.ts"

/** Each hostile peer under its own name. All of them attack with defaults when they are given no more than a passphrase. */
export const hostilePeers = {
  "silent": silent,
  "slow-body": slowBody,
  "never-reads": neverReads,
  "credit-cheat": creditCheat,
  "withholder": withholder,
  "garbage-hashes": garbageHashes,
  "peers-poisoner": peersPoisoner,
  "sybil": sybil,
  "replayer": replayer,
  "mac-forger": macForger,
  "flapper": flapper,
  "port-liar": portLiar,
  "advert-storm": advertStorm,
  "query-storm": queryStorm,
  "malformed-transactions": malformedTransactions,
  "set-withholder": setWithholder
} as const satisfies Readonly<Record<string, HostilePeer>>

/** The name of a hostile peer. */
export type HostileName = keyof typeof hostilePeers
