/**
 * The flags of a node that say the same as an option of the configuration file, and so come before it.
 */
import { Option } from "effect"
import * as Flag from "effect/cli/Flag"
import { isIPv4 } from "node:net"
import { DEFAULT_PORT, MAX_INBOUND, TARGET_OUTBOUND } from "../../core/stellar/limits.ts"
import { type NetworkChoice, networkFlag } from "../networkChoice.ts"
import type { FlagSettings, Listen } from "./resolveSettings.ts"

const MAX_PORT = 65_535

/** An IPv4 address of this machine and a port (0: any); none for any other text. */
const listenOf = (text: string): Option.Option<Listen | "off"> => {
  if (text === "off") return Option.some("off")
  const [, host = "", portText = ""] = /^([^:]*):(\d{1,5})$/.exec(text) ?? []
  const ip = host === "localhost" ? "127.0.0.1" : host
  const port = Number(portText)
  return isIPv4(ip) && port <= MAX_PORT ? Option.some({ host: ip, port }) : Option.none()
}

const addresses = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("HOST:PORT"), Flag.withDescription(description), Flag.atLeast(0))

const count = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter((value) => value >= 0 && value <= 10_000, () => "a number from 0 to 10000"),
    Flag.optional
  )

/** `--config`: the file to read. */
export const configFlag = Flag.String("config").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription(
    "Take what no flag and no variable of the environment says from this file, in stellar-core's TOML; see overlay config"
  ),
  Flag.optional
)

/** The flags themselves; none has a default, so that what was said can be told from what was not. */
export const nodeFlags = {
  network: networkFlag.pipe(Flag.optional),
  listen: Flag.String("listen").pipe(
    Flag.withMetavar("HOST:PORT|off"),
    Flag.withDescription(
      `Where to listen: an IPv4 address of this machine (0.0.0.0: all of them) and a port (0: any free one). ` +
        `Default: 0.0.0.0:${DEFAULT_PORT}`
    ),
    Flag.filterMap(listenOf, () => "an IPv4 address and a port, or off"),
    Flag.optional
  ),
  peer: addresses("peer", "A node to dial; may be repeated. Default: those that the network's preset names"),
  preferred: addresses("preferred", "A node to dial first and to keep; may be repeated"),
  maxInbound: count("max-inbound", `Peers that may call this node. Default: ${MAX_INBOUND}`),
  maxOutbound: count("max-outbound", `Peers that this node calls. Default: ${TARGET_OUTBOUND}`),
  allowLocal: Flag.Boolean("allow-local").pipe(
    Flag.withDescription("Believe addresses of private networks that peers tell. Always so on a private network"),
    Flag.withDefault(false)
  )
}

/** What the flags above were given. */
export interface NodeFlags {
  readonly network: Option.Option<NetworkChoice>
  readonly listen: Option.Option<Listen | "off">
  readonly peer: ReadonlyArray<string>
  readonly preferred: ReadonlyArray<string>
  readonly maxInbound: Option.Option<number>
  readonly maxOutbound: Option.Option<number>
  readonly allowLocal: boolean
}

/** What the flags say, in the words of the file. */
export const flagSettings = (flags: NodeFlags): FlagSettings => ({
  settings: {
    ...(Option.isSome(flags.network) ? { NETWORK_PASSPHRASE: flags.network.value.passphrase } : {}),
    ...(Option.isSome(flags.listen) && flags.listen.value !== "off" ? { PEER_PORT: flags.listen.value.port } : {}),
    ...(flags.peer.length === 0 ? {} : { KNOWN_PEERS: flags.peer }),
    ...(flags.preferred.length === 0 ? {} : { PREFERRED_PEERS: flags.preferred }),
    ...(Option.isSome(flags.maxInbound) ? { MAX_ADDITIONAL_PEER_CONNECTIONS: flags.maxInbound.value } : {}),
    ...(Option.isSome(flags.maxOutbound) ? { TARGET_PEER_CONNECTIONS: flags.maxOutbound.value } : {}),
    ...(flags.allowLocal ? { ALLOW_PRIVATE_ADDRESSES_FOR_TESTING: true } : {})
  },
  ...(Option.isSome(flags.listen) ? { listen: flags.listen.value } : {})
})
