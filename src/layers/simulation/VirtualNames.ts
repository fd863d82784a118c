/**
 * The names of a virtual network: a table that its owner writes, read by whoever resolves a name there.
 */
import { Duration, Effect, Layer, Result } from "effect"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as limits from "../../core/limits.ts"

/** A table of names. */
export class VirtualNames {
  private readonly table = new Map<string, ReadonlyArray<NetAddress.IpAddress>>()

  /** Gives a name these addresses, in this order, in the place of those it had; with none it is no name any more. */
  set(name: string, ips: ReadonlyArray<string>): void {
    const domain = Host.domainNameFromString(name)
    if (Result.isFailure(domain)) throw new RangeError(`${name} is not a name`)
    const addresses = ips.map((ip) => {
      const address = NetAddress.ipv4FromString(ip)
      if (Result.isFailure(address)) throw new RangeError(`${ip} is not an IPv4 address`)
      return address.success
    })
    this.table.delete(domain.success)
    if (addresses.length === 0) return
    if (this.table.size >= limits.VIRTUAL_NAMES) throw new RangeError(`more than ${limits.VIRTUAL_NAMES} names`)
    this.table.set(domain.success, addresses)
  }

  /** Looks names up in this table, as it is then: at once, or in vain where the machine that asks reaches nobody. */
  layer(isReachable: () => boolean): Layer.Layer<AddressResolver.AddressResolver> {
    const find = (name: Host.DomainName) =>
      Effect.suspend(() =>
        isReachable()
          ? Effect.succeed(this.table.get(name) ?? [])
          : Effect.andThen(
            Effect.sleep(Duration.millis(limits.VIRTUAL_LOOKUP_TIMEOUT_MILLIS)),
            Effect.fail(new Dns.DnsError({ reason: "Timeout", method: "lookup", hostname: name }))
          )
      )
    return Layer.sync(AddressResolver.AddressResolver, () => AddressResolver.make(Dns.make({ lookup: find })))
  }
}
