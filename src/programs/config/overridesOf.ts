/**
 * From stellar-core's options to ours: units, names, and what one option does to several of ours.
 */
import { Duration, type Redacted } from "effect"
import * as limits from "../../core/stellar/limits.ts"
import type { Overrides } from "../../services/stellar/StellarConfig.ts"
import type { ResolvedSettings } from "./resolveSettings.ts"
import type { Settings } from "./settings.ts"

/** Between two rounds of dialling lies the time that a link has to be authenticated, and a second more (core: its tick). */
const TICK_ABOVE_AUTHENTICATION_SECONDS = 1

/** What these settings change about a node of their network. The seed is the one that `NODE_SEED` says or names (`seedOf`). */
export const overridesOf = (
  { listen, pending, preferredPeerKeys, settings, surveyorKeys }: ResolvedSettings,
  seed: Redacted.Redacted<string> | undefined
): Overrides => {
  const outbound = settings.RUN_STANDALONE ? 0 : settings.TARGET_PEER_CONNECTIONS
  const authentication = settings.PEER_AUTHENTICATION_TIMEOUT
  return {
    ...(seed === undefined ? {} : { seed }),
    ...(listen === undefined ? {} : { listen }),
    knownPeers: settings.KNOWN_PEERS,
    preferredPeers: settings.PREFERRED_PEERS,
    preferredPeerKeys,
    preferredPeersOnly: settings.PREFERRED_PEERS_ONLY,
    allowLocalAddresses: settings.ALLOW_LOCALHOST_FOR_TESTING || settings.ALLOW_PRIVATE_ADDRESSES_FOR_TESTING,
    surveyorKeys,
    isValidator: settings.NODE_IS_VALIDATOR,
    maxInbound: settings.MAX_ADDITIONAL_PEER_CONNECTIONS,
    maxOutbound: outbound,
    targetOutbound: outbound,
    targetOutboundWithoutInbound: settings.ARTIFICIALLY_SKIP_CONNECTION_ADJUSTMENT_FOR_TESTING
      ? outbound
      : Math.min(outbound, limits.TARGET_OUTBOUND_WITHOUT_INBOUND),
    maxPendingInbound: pending.inbound,
    maxPendingOutbound: pending.outbound,
    connectionTick: Duration.seconds(authentication + TICK_ABOVE_AUTHENTICATION_SECONDS),
    handshakeSilenceTimeout: Duration.seconds(authentication),
    // The bound on all of a handshake is ours: it must not be below what may be waited for one word of it.
    handshakeTimeout: Duration.millis(Math.max(limits.HANDSHAKE_TIMEOUT_MILLIS, authentication * 1000)),
    idleTimeout: Duration.seconds(settings.PEER_TIMEOUT),
    stragglerTimeout: Duration.seconds(settings.PEER_STRAGGLER_TIMEOUT),
    credit: {
      messages: settings.PEER_FLOOD_READING_CAPACITY,
      batchMessages: settings.FLOW_CONTROL_SEND_MORE_BATCH_SIZE,
      readingMessages: settings.PEER_READING_CAPACITY,
      readingBytes: settings.PEER_TOTAL_READING_CAPACITY_BYTES,
      ...creditBytesOf(settings)
    },
    advertPeriod: Duration.millis(settings.FLOOD_ADVERT_PERIOD_MS),
    demandPeriod: Duration.millis(settings.FLOOD_DEMAND_PERIOD_MS),
    demandBackoff: Duration.millis(settings.FLOOD_DEMAND_BACKOFF_DELAY_MS),
    outboundTransactionBytes: settings.OUTBOUND_TX_QUEUE_BYTE_LIMIT
  }
}

/** Both 0 is "as much as is needed", which is our default as well. A batch of no bytes is one after each message. */
const creditBytesOf = (
  { FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES: batch, PEER_FLOOD_READING_CAPACITY_BYTES: bytes }: Settings
) => bytes === 0 && batch === 0 ? {} : { bytes, batchBytes: Math.max(1, batch) }
