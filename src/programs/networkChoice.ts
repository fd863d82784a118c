/**
 * Which network is meant by what somebody wrote behind `--network`.
 */
import * as Flag from "effect/cli/Flag"
import type { PeerId } from "../core/PeerId.ts"
import { networks } from "../services/stellar/networks.ts"
import {
  type Overrides,
  privateNetwork,
  pubnet,
  type StellarConfig,
  testnet
} from "../services/stellar/StellarConfig.ts"

/** A network with what is known about it. */
export interface NetworkChoice {
  /** How it is called here: `testnet`, `pubnet` or `private`. */
  readonly name: "testnet" | "pubnet" | "private"
  readonly passphrase: string
  /** Validators that are believed about where the network is, unless others are named. */
  readonly trusted: ReadonlyArray<PeerId>
  /** The configuration of a node in it. */
  readonly config: (overrides: Overrides) => StellarConfig
}

const knownTestnet: NetworkChoice = { ...networks.testnet, name: "testnet", config: testnet }
const knownPubnet: NetworkChoice = { ...networks.pubnet, name: "pubnet", config: pubnet }

/** The networks that everybody knows. */
export const knownNetworks: ReadonlyArray<NetworkChoice> = [knownPubnet, knownTestnet]

const byName: ReadonlyMap<string, NetworkChoice> = new Map([
  ["testnet", knownTestnet],
  ["pubnet", knownPubnet],
  ["mainnet", knownPubnet]
])

/** A known name or the passphrase of a known network is that network; any other text is the passphrase of a private one. */
export const networkOf = (text: string): NetworkChoice =>
  byName.get(text) ?? knownNetworks.find(({ passphrase }) => passphrase === text) ?? {
    name: "private",
    passphrase: text,
    trusted: [],
    config: (overrides) => privateNetwork(text, overrides)
  }

/** `--network`: required; see `networkOf`. */
export const networkFlag: Flag.Flag<NetworkChoice> = Flag.String("network").pipe(
  Flag.withMetavar("NAME|PASSPHRASE"),
  Flag.withDescription(
    "testnet, pubnet (or mainnet); any other text is taken as the passphrase of a private network"
  ),
  Flag.filter((text) => text.trim() !== "", () => "a name or a passphrase"),
  Flag.map(networkOf)
)
