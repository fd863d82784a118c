/**
 * Who may come in at all, before anything was read: by where the connection comes from.
 */
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { isLocal, isLoopback } from "../../core/RoutableAddress.ts"
import { shareOf } from "../../core/Shares.ts"
import { Drop, type PlainDropReason } from "../../core/stellar/DropReason.ts"
import { LEAST_SHARE, SUBNET_BUCKETS } from "../../core/stellar/limits.ts"
import { SubnetRates } from "../../core/SubnetRates.ts"
import type { ConnectionManager } from "../../services/ConnectionManager.ts"
import type { Peers, Pending, Refused } from "../../services/Peers.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"

/** The door of one node. */
export interface StellarDoor {
  /** Enters a connection that came in from this address, or says why it is closed at once and in silence. */
  readonly enter: (address: PeerAddress) => Pending | PlainDropReason
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
    readonly config: Pick<StellarConfig, "allowLocalAddresses" | "subnetRate">
    readonly connections: ConnectionManager["Service"]
    readonly peers: Peers["Service"]
    readonly nowMillis: () => number
  }
): StellarDoor => {
  const rates = config.subnetRate === 0
    ? undefined
    : new SubnetRates({ perSecond: config.subnetRate, burst: config.subnetRate, entries: SUBNET_BUCKETS })

  return {
    enter: (address) => {
      const { ip } = address
      const isConfigured = connections.isConfigured(ip)
      const isFree = isConfigured || isExempt(config, ip)
      if (!isFree && rates !== undefined && !rates.take(ip, nowMillis())) return Drop.SubnetRateExceeded
      const entered = peers.enter("inbound", address, {
        isConfigured,
        mayBePreferred: connections.mayBePreferred(ip)
      })
      return typeof entered === "string" ? reasons[entered] : entered
    }
  }
}
