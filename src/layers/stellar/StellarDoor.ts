/**
 * Who may come in at all, before anything was read: by where the connection comes from.
 */
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { isLocal, isLoopback } from "../../core/RoutableAddress.ts"
import { shareOf } from "../../core/Shares.ts"
import { Drop, type PlainDropReason } from "../../core/stellar/DropReason.ts"
import { LEAST_SHARE, PENDING_INBOUND_EXTRA, SUBNET_BUCKETS } from "../../core/stellar/limits.ts"
import { SubnetRates } from "../../core/SubnetRates.ts"
import type { ConnectionManager } from "../../services/ConnectionManager.ts"
import type { Peers, Pending, Refused } from "../../services/Peers.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"

/** The door of one node. */
export interface StellarDoor {
  /** Enters a connection that came in from this address, or says why it is closed at once and in silence. */
  readonly enter: (address: PeerAddress) => Pending | PlainDropReason
  /** Told when the link of a connection that was entered is closed at last. */
  readonly closed: () => void
}

const reasons: Readonly<Record<Refused, PlainDropReason>> = {
  "pending-full": Drop.PendingFull,
  "pending-of-ip-full": Drop.PendingOfAddressFull,
  "pending-of-subnet-full": Drop.PendingOfSubnetFull
}

/**
 * Whether shares and rates do not hold for this IP: loopback, where all nodes of a machine are one IP, and local networks where those
 * are allowed, for there the /24 says nothing of whose a machine is. For addresses of the configuration they do not hold either.
 */
export const isExempt = ({ allowLocalAddresses }: Pick<StellarConfig, "allowLocalAddresses">, ip: string): boolean =>
  isLoopback(ip) || (allowLocalAddresses && isLocal(ip))

/** How many connections one IP and one /24 may hold. */
export const sharesOf = ({ ipShare, maxInbound, maxPendingInbound, maxPendingPerIp, subnetShare }: Pick<
  StellarConfig,
  "ipShare" | "maxInbound" | "maxPendingInbound" | "maxPendingPerIp" | "subnetShare"
>) => ({
  maxPendingPerIp,
  maxPendingPerSubnet: shareOf(maxPendingInbound, subnetShare, Math.max(maxPendingPerIp, LEAST_SHARE)),
  maxInboundPerIp: shareOf(maxInbound, ipShare, LEAST_SHARE),
  maxInboundPerSubnet: shareOf(maxInbound, subnetShare, LEAST_SHARE)
})

/** Makes the door of one node. `nowMillis` is a time that does not go back. */
export const make = (
  { config, connections, nowMillis, peers }: {
    readonly config: Pick<StellarConfig, "allowLocalAddresses" | "maxPendingInbound" | "subnetRate">
    readonly connections: ConnectionManager["Service"]
    readonly peers: Peers["Service"]
    readonly nowMillis: () => number
  }
): StellarDoor => {
  const rates = config.subnetRate === 0
    ? undefined
    : new SubnetRates({ perSecond: config.subnetRate, burst: config.subnetRate, entries: SUBNET_BUCKETS })

  /** Links that came in and are open, also those that are being closed and are in no list any more. */
  let open = 0

  return {
    enter: (address) => {
      const { ip } = address
      const mayBePreferred = connections.mayBePreferred(ip)
      // Who is turned away and does not hang up holds a link for some seconds: those count as well (protocol §8.6).
      const places = config.maxPendingInbound + (mayBePreferred ? PENDING_INBOUND_EXTRA : 0)
      if (open - peers.counts().inbound >= places) return Drop.PendingFull
      const isConfigured = connections.isConfigured(ip)
      const isFree = isConfigured || isExempt(config, ip)
      if (!isFree && rates !== undefined && !rates.take(ip, nowMillis())) return Drop.SubnetRateExceeded
      const entered = peers.enter("inbound", address, { isConfigured, mayBePreferred })
      if (typeof entered === "string") return reasons[entered]
      open += 1
      return entered
    },
    closed: () => {
      open -= 1
    }
  }
}
