/**
 * From what flags, environment and file say to the settings of a node: who wins, and what follows from what.
 */
import { Result } from "effect"
import { MAX_INBOUND } from "../../core/stellar/limits.ts"
import { networks } from "../../services/stellar/networks.ts"
import { privateNetwork } from "../../services/stellar/StellarConfig.ts"
import { knownNetworks, type NetworkChoice } from "../networkChoice.ts"
import type { ConfigProblem, Source } from "./ConfigProblem.ts"
import { contradictionsIn } from "./contradictions.ts"
import { keysOf, namedKeys } from "./namedKeys.ts"
import type { FileSettings } from "./readSettings.ts"
import { type SettingName, Settings, type SomeSettings } from "./settings.ts"

/** Where a node listens. */
export interface Listen {
  readonly host: string
  readonly port: number
}

/** What the command line says. Flags have bounds of their own and are meant as they are written. */
export interface FlagSettings {
  readonly settings: SomeSettings
  /** Absent: nothing was said. */
  readonly listen?: Listen | "off"
}

/** What each source says. */
export interface Sources {
  readonly flags?: FlagSettings
  readonly environment?: SomeSettings
  readonly file?: FileSettings
}

/** The settings of a node, checked. */
export interface ResolvedSettings {
  readonly settings: Settings
  readonly sourceOf: (name: SettingName) => Source
  /** `undefined` as long as nobody named one. */
  readonly network: NetworkChoice | undefined
  /** `undefined`: the node does not listen. */
  readonly listen: Listen | undefined
  /** Links that are not authenticated yet. */
  readonly pending: { readonly inbound: number; readonly outbound: number }
  /** Whom to prefer: keys, without names. */
  readonly preferredPeerKeys: ReadonlyArray<string>
  /** Who may survey: keys, without names. */
  readonly surveyorKeys: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
}

/** Peers that may call, for each that is called, where nothing is said (core: MAX_ADDITIONAL_PEER_CONNECTIONS = -1). */
const INBOUND_FOR_EACH_OUTBOUND = 8
/** Core counts peers in 16 bits. */
const MAX_PEERS = 0xffff
/** For each peer that is called, so many must be able to call, above the first few (core: MIN_INBOUND_FACTOR). */
const MIN_INBOUND_FACTOR = 3
/** Core listens on all addresses of the machine. */
const ALL_ADDRESSES = "0.0.0.0"

/** Merges the sources, the first that has a value winning, and checks what comes of it. All contradictions are told at once. */
export const resolveSettings = (
  { environment = {}, file, flags = { settings: {} } }: Sources
): Result.Result<ResolvedSettings, ReadonlyArray<ConfigProblem>> => {
  const homeDomain = environment.NODE_HOME_DOMAIN ?? file?.settings.NODE_HOME_DOMAIN ?? ""
  const ofFile = file === undefined ? {} : withValidators(file, homeDomain)
  const sourceOf = (name: SettingName): Source =>
    flags.settings[name] !== undefined
      ? "flag"
      : environment[name] !== undefined
      ? "environment"
      : ofFile[name] !== undefined
      ? "file"
      : "default"
  const chosen: Settings = { ...Settings.make({}), ...ofFile, ...environment, ...flags.settings }
  const network = chosen.NETWORK_PASSPHRASE === undefined ? undefined : networkOfPassphrase(chosen.NETWORK_PASSPHRASE)
  const warnings: Array<string> = []
  const settings: Settings = {
    ...chosen,
    ...connectionsOf(chosen, sourceOf, warnings),
    ...presetOf(network, sourceOf)
  }
  if (network !== undefined && Object.hasOwn(networks, network.passphrase)) {
    warnings.push(
      `NETWORK_PASSPHRASE is "${network.passphrase}", and so the network is a private one with this passphrase. ` +
        `If the known one is meant: --network ${network.passphrase}`
    )
  }

  const names = namedKeys(settings, file?.validators ?? [])
  const problems = contradictionsIn(settings, names).map(({ name, ...problem }): ConfigProblem => {
    const source = sourceOf(name)
    const line = source === "file" ? file?.lineOf(name) : undefined
    return { ...problem, source, ...(line === undefined ? {} : { line }) }
  })
  if (problems.length > 0) return Result.fail(problems)
  const listen = flags.listen ?? (settings.RUN_STANDALONE ? "off" : { host: ALL_ADDRESSES, port: settings.PEER_PORT })
  return Result.succeed({
    settings,
    sourceOf,
    network,
    listen: listen === "off" ? undefined : listen,
    pending: pendingOf(settings),
    preferredPeerKeys: keysOf(settings.PREFERRED_PEER_KEYS, names),
    surveyorKeys: keysOf(settings.SURVEYOR_KEYS, names),
    warnings
  })
}

/** What a file says, with the addresses of its validators: those of our own organization are preferred peers. */
const withValidators = ({ settings, validators }: FileSettings, homeDomain: string): SomeSettings => {
  const preferred: Array<string> = []
  const known: Array<string> = []
  for (const { address, homeDomain: domain } of validators) {
    if (address !== undefined) (domain === homeDomain ? preferred : known).push(address)
  }
  const { KNOWN_PEERS, PREFERRED_PEERS } = settings
  return {
    ...settings,
    ...(known.length === 0 ? {} : { KNOWN_PEERS: [...new Set([...KNOWN_PEERS ?? [], ...known])] }),
    ...(preferred.length === 0 ? {} : { PREFERRED_PEERS: [...new Set([...PREFERRED_PEERS ?? [], ...preferred])] })
  }
}

/** In a file a known network is named by its passphrase, and a short name would be the passphrase of another one. */
const networkOfPassphrase = (passphrase: string): NetworkChoice =>
  knownNetworks.find((network) => network.passphrase === passphrase) ?? {
    name: "private",
    passphrase,
    trusted: [],
    config: (overrides) => privateNetwork(passphrase, overrides)
  }

/** What the network brings where nothing was said: a public one nodes that everybody knows, a private one local addresses. */
const presetOf = (network: NetworkChoice | undefined, sourceOf: (name: SettingName) => Source): SomeSettings => {
  const isUnsaid = (...names: ReadonlyArray<SettingName>) => names.every((name) => sourceOf(name) === "default")
  if (network?.name === "private") {
    return isUnsaid("ALLOW_LOCALHOST_FOR_TESTING", "ALLOW_PRIVATE_ADDRESSES_FOR_TESTING")
      ? { ALLOW_LOCALHOST_FOR_TESTING: true, ALLOW_PRIVATE_ADDRESSES_FOR_TESTING: true }
      : {}
  }
  return network !== undefined && isUnsaid("KNOWN_PEERS", "PREFERRED_PEERS")
    ? { KNOWN_PEERS: networks[network.name].peers }
    : {}
}

/** The numbers of peers in both directions (core: what it does to its configuration before it starts). */
const connectionsOf = (chosen: Settings, sourceOf: (name: SettingName) => Source, warnings: Array<string>) => {
  const { MAX_ADDITIONAL_PEER_CONNECTIONS: additional, TARGET_PEER_CONNECTIONS: target } = chosen
  // A flag says one number, and the other shall not follow it: --max-outbound 0 is a node that only lets others call.
  if ([sourceOf("TARGET_PEER_CONNECTIONS"), sourceOf("MAX_ADDITIONAL_PEER_CONNECTIONS")].includes("flag")) {
    return additional === -1 ? { MAX_ADDITIONAL_PEER_CONNECTIONS: MAX_INBOUND } : {}
  }
  const inbound = additional === -1 ? Math.min(target * INBOUND_FOR_EACH_OUTBOUND, MAX_PEERS) : additional
  const most = Math.floor(inbound / MIN_INBOUND_FACTOR) + MIN_INBOUND_FACTOR
  if (target > most) {
    warnings.push(
      `TARGET_PEER_CONNECTIONS is ${target} and is reduced to ${most}: no more than a third of ` +
        `MAX_ADDITIONAL_PEER_CONNECTIONS (${inbound}) and ${MIN_INBOUND_FACTOR}, so that as many can call as are called`
    )
  }
  return { TARGET_PEER_CONNECTIONS: Math.min(target, most), MAX_ADDITIONAL_PEER_CONNECTIONS: inbound }
}

/** Shares the links that are not authenticated yet out between both directions, as their peers are, but none gets nothing. */
const pendingOf = (settings: Settings): ResolvedSettings["pending"] => {
  const { MAX_ADDITIONAL_PEER_CONNECTIONS, MAX_PENDING_CONNECTIONS, TARGET_PEER_CONNECTIONS } = settings
  const all = TARGET_PEER_CONNECTIONS + MAX_ADDITIONAL_PEER_CONNECTIONS
  if (all === 0) return { inbound: 0, outbound: 0 }
  // Divided first, as core does: another order rounds otherwise in places.
  const outbound = Math.max(1, Math.ceil(MAX_PENDING_CONNECTIONS * (TARGET_PEER_CONNECTIONS / all)))
  return { inbound: Math.max(1, MAX_PENDING_CONNECTIONS - outbound), outbound }
}
