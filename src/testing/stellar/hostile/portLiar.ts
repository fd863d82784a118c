/**
 * The port liar: it says that it listens where it does not.
 */
import { Duration, Effect } from "effect"
import { DEFAULT_PORT } from "../../../core/stellar/limits.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface PortLiarOptions extends HostileOptions {
  /** The ports that its HELLOs name, one connection each. Default: ports that are none, one of them with good low bits. */
  readonly ports?: ReadonlyArray<number>
  /** How long it stays where its lie is believed. Default: a second. */
  readonly stay?: Duration.Duration
}

/** No port; below; above; and one whose low 16 bits are the usual port. */
const NO_PORTS = [0, -1, 65_536, 65_536 + DEFAULT_PORT]

/** Announces false ports. */
export const portLiar = caller<PortLiarOptions>(
  {
    name: "port-liar",
    does: "Names in its HELLO a port that is none, or one where somebody else listens.",
    demands: "Refuse in words what is no port; believe of a plausible one no more than that it may be tried some day."
  },
  ({ visit }, { ports = NO_PORTS, stay = Duration.seconds(1) }) =>
    Effect.forEach(ports, (listeningPort) =>
      visit((session) =>
        Effect.flatMap(
          session.enter({ doctored: { hello: { listeningPort } } }),
          (isIn) => isIn ? Effect.asVoid(Effect.timeoutOption(session.readOn, stay)) : session.readOn
        )
      ), { discard: true })
)
