/**
 * `overlay probe`: asks a node who it is, and shows how far it lets us.
 *
 * It stands below the overlay: one link, one handshake, and then it listens for a moment to what a node tells whoever calls.
 */
import { Clock, Duration, Effect, Layer, Option, type Redacted, Result } from "effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { Grant } from "../core/CreditLedger.ts"
import type { DropReason } from "../core/DropReason.ts"
import { format, type PeerAddress } from "../core/PeerAddress.ts"
import { Drop } from "../core/stellar/DropReason.ts"
import { channelRefusals } from "../core/stellar/FrameRefusal.ts"
import { DEFAULT_PORT } from "../core/stellar/limits.ts"
import { decodeMessage, type StellarMessage } from "../core/stellar/messages.ts"
import * as NodeAddressResolver from "../layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../layers/node/NodeCrypto.ts"
import * as TcpTransport from "../layers/node/TcpTransport.ts"
import { resolvePeerAddress } from "../layers/runtime/resolvePeerAddress.ts"
import { lostLink, noLink } from "../layers/runtime/Supervision.ts"
import * as StellarFraming from "../layers/stellar/StellarFraming.ts"
import * as StellarHandshake from "../layers/stellar/StellarHandshake.ts"
import * as StellarIdentity from "../layers/stellar/StellarIdentity.ts"
import { versionText } from "../layers/stellar/versionText.ts"
import { type Admission, type Claim, type Established, Handshake } from "../services/Handshake.ts"
import { type Link, Transport } from "../services/Transport.ts"
import { failed, wrongUsage } from "./CommandFailed.ts"
import { escaped } from "./escaped.ts"
import { knownNetworks, type NetworkChoice, networkFlag } from "./networkChoice.ts"
import { print, printJson } from "./printing.ts"
import { readSeed, seedFileFlag } from "./seedOfNode.ts"

/** How long we listen behind the handshake: peers and credit come with it or right behind it. */
const LISTEN_MILLIS = 2000
/** How long the close may take: what we had to say is said. */
const CLOSE_MILLIS = 500
const NANOS_PER_MILLI = 1e6
/** The largest time that a Date holds, in Unix seconds; a stranger may write any number. */
const LAST_DATE_SECONDS = 8_640_000_000_000n
const EMPTY = new Uint8Array(0)

/** A step of the way, and the milliseconds since the step before. */
interface Step {
  readonly step: string
  readonly millis: number
}

/** An address that the node told. */
interface ToldPeer {
  readonly address: string
  readonly failures: number
}

/** What one call brought to light; filled step by step, and worth as much as there is when it ends. */
interface Findings {
  readonly network: NetworkChoice
  readonly steps: Array<Step>
  claim: Claim | undefined
  /** `undefined` as long as the node told none. */
  peers: ReadonlyArray<ToldPeer> | undefined
  grant: Grant | undefined
  refusal: DropReason | undefined
}

const admission = (onStep: NonNullable<Admission["onStep"]>): Admission => ({
  // A node that does not listen must still name a port, and this is the one that everybody names then.
  listeningPort: DEFAULT_PORT,
  isBanned: () => Effect.succeed(false),
  admit: () => Effect.succeed(true),
  greetings: () => Effect.succeed([]),
  onStep
})

const toldPeers = (peers: Extract<StellarMessage, { _tag: "PEERS" }>["peers"]): ReadonlyArray<ToldPeer> =>
  peers.map(({ ip, numFailures, port }) => ({
    address: ip._tag === "IPv4" ? `${ip.ipv4.join(".")}:${port}` : `[${groupsOf(ip.ipv6).join(":")}]:${port}`,
    failures: numFailures
  }))

const groupsOf = (ipv6: Uint8Array): ReadonlyArray<string> =>
  Array.from({ length: ipv6.length / 2 }, (_, i) => ((ipv6[2 * i]! << 8) | ipv6[2 * i + 1]!).toString(16))

/** Reads on until the node told its peers and granted credit; fails with why it hung up. */
const listenTo = (
  link: Link,
  { channel, decoder }: Established,
  findings: Findings,
  took: (step: string) => void
): Effect.Effect<void, DropReason> => {
  let refusal: DropReason | undefined
  const isDone = () => refusal !== undefined || (findings.peers !== undefined && findings.grant !== undefined)
  const onFrame = (bytes: Uint8Array, start: number, end: number): boolean => {
    const opened = channel.open(bytes, start, end)
    const message = bytes.subarray(start + channel.headBytes, end - channel.tailBytes)
    if (opened === "last-words") refusal = StellarHandshake.readLastWords(message)
    else if (opened !== "message") refusal = channelRefusals[opened]
    else hear(Result.getOrUndefined(decodeMessage(message)))
    return !isDone()
  }
  const hear = (message: StellarMessage | undefined): void => {
    if (message?._tag === "PEERS") {
      findings.peers = toldPeers(message.peers)
      took("peers-received")
    } else if (message?._tag === "SEND_MORE_EXTENDED") {
      const { numBytes, numMessages } = message.sendMoreExtended
      findings.grant = { messages: numMessages, bytes: numBytes }
      took("grant-received")
    }
  }
  const take = (chunk: Uint8Array): boolean => {
    if (decoder.push(chunk, onFrame) !== undefined) refusal ??= Drop.BadRecordLength
    return !isDone()
  }
  return Effect.suspend(() => take(EMPTY) ? Effect.mapError(link.read(take), lostLink) : Effect.void).pipe(
    Effect.timeoutOption(Duration.millis(LISTEN_MILLIS)),
    Effect.andThen(Effect.suspend(() => refusal === undefined ? Effect.void : Effect.fail(refusal)))
  )
}

/** Calls the node once, as a node of this network. Whatever happens, the findings say it. */
const call = Effect.fnUntraced(
  function*(address: PeerAddress, network: NetworkChoice, timeout: Duration.Duration) {
    const transport = yield* Transport
    const handshake = yield* Handshake
    const clock = yield* Clock.Clock
    const findings: Findings = {
      network,
      steps: [],
      claim: undefined,
      peers: undefined,
      grant: undefined,
      refusal: undefined
    }
    let last = clock.monotonicTimeNanosUnsafe()
    const took = (step: string): void => {
      const now = clock.monotonicTimeNanosUnsafe()
      findings.steps.push({ step, millis: Math.round(Number(now - last) / (NANOS_PER_MILLI / 100)) / 100 })
      last = now
    }

    yield* Effect.gen(function*() {
      const link = yield* Effect.mapError(transport.dial(address, { timeout }), noLink)
      took("connected")
      const established = yield* handshake.open(
        link,
        "caller",
        admission((step, claim) => {
          findings.claim = claim ?? findings.claim
          took(step)
        })
      )
      yield* listenTo(link, established, findings, took)
      yield* Effect.timeoutOption(link.end, Duration.millis(CLOSE_MILLIS))
    }).pipe(
      Effect.catch((reason: DropReason) =>
        Effect.sync(() => {
          findings.refusal = reason
        })
      )
    )
    return findings
  },
  Effect.scoped
)

/** What a call needs, as a node of this network. */
const caller = (
  network: NetworkChoice,
  seed: Redacted.Redacted<string> | undefined,
  timeout: Duration.Duration
) =>
  StellarHandshake.layer({ ...network.config({}), versionText, handshakeTimeout: timeout }).pipe(
    Layer.provide(StellarFraming.layer),
    Layer.provide(StellarIdentity.layer(seed)),
    Layer.provide([NodeCrypto.layer, SecureRandom.layerWebCrypto]),
    Layer.merge(TcpTransport.layer())
  )

/** Whether the node hung up on us before it said anything: what it does to whom it takes for one of another network. */
const isMaybeAnotherNetwork = ({ claim, refusal }: Findings): boolean =>
  claim === undefined && refusal !== undefined && refusal._tag !== "ConnectFailed" &&
  refusal._tag !== "HandshakeTimeout"

const adviceOf = (findings: Findings, isNetworkGiven: boolean): string =>
  isMaybeAnotherNetwork(findings) && !isNetworkGiven
    ? "It may belong to a network of its own: give its passphrase with --network."
    : findings.refusal?.advice ?? ""

const expiryOf = ({ certificateExpiresAtSeconds }: Claim): string | undefined => {
  return certificateExpiresAtSeconds === undefined || certificateExpiresAtSeconds > LAST_DATE_SECONDS
    ? undefined
    : new Date(Number(certificateExpiresAtSeconds) * 1000).toISOString()
}

const documentOf = (address: PeerAddress, findings: Findings, advice: string) => ({
  address: format(address),
  network: findings.claim === undefined ? null : findings.network.name,
  accepted: findings.refusal === undefined,
  peer: findings.claim === undefined ? null : {
    id: findings.claim.id,
    address: format(findings.claim.address),
    versionText: escaped(findings.claim.versionText),
    versions: findings.claim.versions,
    certificateExpiresAt: expiryOf(findings.claim) ?? null
  },
  peers: findings.peers ?? null,
  grant: findings.grant ?? null,
  refusal: findings.refusal === undefined ? null : {
    reason: findings.refusal._tag,
    endedBy: findings.refusal.endedBy,
    text: escaped(findings.refusal.text),
    advice
  },
  steps: findings.steps
})

const linesOf = (address: PeerAddress, findings: Findings): ReadonlyArray<string> => {
  const { claim, grant, peers, steps } = findings
  const overlay = claim === undefined ? "" : `${claim.versions["overlayMin"]} to ${claim.versions["overlay"]}`
  return [
    format(address),
    ...(claim === undefined ? [] : [
      `  network      ${findings.network.name}`,
      `  key          ${claim.id}`,
      `  version      ${escaped(claim.versionText)}`,
      `  overlay      ${overlay}`,
      `  ledger       ${claim.versions["ledger"]}`,
      `  listens at   ${format(claim.address)}`,
      `  certificate  until ${expiryOf(claim) ?? "the end of time"}`
    ]),
    ...(grant === undefined ? [] : [`  credit       ${grant.messages} messages, ${grant.bytes} bytes`]),
    ...(peers === undefined ? [] : [`  peers        ${peers.length}`]),
    ...(peers ?? []).map(({ address, failures }) => `    ${address}${failures === 0 ? "" : ` (failed ${failures})`}`),
    ...(steps.length === 0 ? [] : ["  steps"]),
    ...steps.map(({ millis, step }) => `    ${step.padEnd(16)} ${millis.toFixed(2).padStart(9)} ms`)
  ]
}

/** Calls a node and shows what it says of itself, or why it refuses. */
export const probe = Command.make(
  "probe",
  {
    target: Argument.String("HOST:PORT").pipe(
      Argument.withDescription(`The node to call; without a port, ${DEFAULT_PORT}`)
    ),
    network: networkFlag.pipe(Flag.optional),
    seedFile: seedFileFlag,
    timeout: Flag.Finite("timeout").pipe(
      Flag.withMetavar("SECONDS"),
      Flag.withDescription("How long to wait for the connection, and again for the handshake"),
      Flag.filter((seconds) => seconds > 0 && seconds <= 3600, () => "a number above 0 and at most 3600"),
      Flag.withDefault(5)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*({ json, network, seedFile, target, timeout }) {
    const seed = Option.isSome(seedFile) ? yield* readSeed(seedFile.value) : undefined
    const address = yield* resolvePeerAddress(target, DEFAULT_PORT).pipe(
      Effect.provide(NodeAddressResolver.layer),
      Effect.catchTags({
        InvalidAddress: ({ message }) => Effect.fail(wrongUsage(`${message}.`)),
        UnknownHost: ({ message }) =>
          Effect.fail(failed(`${target}: ${message}. Check the spelling, and this machine's name server.`))
      })
    )

    const patience = Duration.seconds(timeout)
    let findings: Findings | undefined
    for (const one of Option.isSome(network) ? [network.value] : knownNetworks) {
      findings = yield* call(address, one, patience).pipe(
        Effect.provide(caller(one, seed, patience)),
        Effect.catchTag("InvalidSeed", ({ message }) => Effect.fail(failed(message)))
      )
      if (!isMaybeAnotherNetwork(findings)) break
    }
    if (findings === undefined) return
    const advice = adviceOf(findings, Option.isSome(network))
    if (json) yield* printJson(documentOf(address, findings, advice))
    else yield* Effect.forEach(linesOf(address, findings), print, { discard: true })
    if (findings.refusal !== undefined) {
      return yield* failed(`${format(address)} gave no session: ${escaped(findings.refusal.text)}. ${advice}`)
    }
  })
).pipe(
  Command.withDescription(
    "Call a node and show what it says of itself: key, software, versions, certificate, the peers it tells, the first credit " +
      "it grants, and how long each step took. Or why it refuses, and what to do about it; then the exit code is 1. Without " +
      "--network the known networks are tried in turn."
  ),
  Command.withShortDescription("Ask a node who it is"),
  Command.withExamples([
    { command: "overlay probe core-testnet1.stellar.org:11625", description: "Look at a node of the test network" },
    {
      command: "overlay probe 127.0.0.1:11625 --network \"my passphrase\" --json",
      description: "Look at a node of a private network, for a script"
    }
  ])
)
