/**
 * Names to addresses, by the resolver and the hosts file of this machine.
 */
import * as PlatformAddressResolver from "@effect/platform-node/NodeAddressResolver"
import * as NodeDns from "@effect/platform-node/NodeDns"
import { Layer } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"

/** Keeps the promise of `AddressResolver`. */
export const layer: Layer.Layer<AddressResolver> = PlatformAddressResolver.layer.pipe(Layer.provide(NodeDns.layer))
