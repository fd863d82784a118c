/**
 * `Transport` for one machine of a virtual network: what is a Scope and a fiber there is a dial and a door here.
 */
import { Effect } from "effect"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format, tcpAddress } from "../../core/PeerAddress.ts"
import { isLoopback } from "../../core/RoutableAddress.ts"
import { ipNumber } from "../../core/Subnet.ts"
import { DialError, ListenError, Transport } from "../../services/Transport.ts"
import * as AcceptedLinks from "../runtime/AcceptedLinks.ts"
import type { Exchange } from "./VirtualDial.ts"
import { VirtualDial } from "./VirtualDial.ts"
import type { Door, Host } from "./VirtualHost.ts"
import type { End } from "./VirtualLink.ts"

const EVERY_ADDRESS = "0.0.0.0"
const MAX_PORT = 65_535

/** The transport of `host`. A machine may have several: they share its ports and its fate. */
export const make = (exchange: Exchange, host: Host): Transport["Service"] => {
  const dial: Transport["Service"]["dial"] = (address, { timeout }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const fail = (reason: DialError["reason"], message: string) =>
          Effect.fail(new DialError({ reason, address: format(address), message }))
        if (address.port === 0 || !isAddress(address)) return fail("failed", "that is no address to dial")

        let opened: End | undefined
        const close = Effect.suspend(() => opened?.close ?? Effect.void)
        return Effect.callback<End, DialError>((resume) => {
          const attempt = new VirtualDial(exchange, host, address, (result) => {
            if (result._tag === "Failed") return resume(fail(result.reason, result.message))
            opened = result.end
            resume(Effect.succeed(result.end))
          })
          return Effect.sync(() => attempt.giveUp())
        }).pipe(
          Effect.timeoutOrElse({ duration: timeout, orElse: () => fail("timeout", "no answer in time") }),
          restore,
          Effect.onError(() => close),
          Effect.andThen((end) => Effect.as(Effect.addFinalizer(() => end.close), end))
        )
      })
    )

  const listen: Transport["Service"]["listen"] = Effect.fnUntraced(function*(wanted, onLink) {
    const refuse = (reason: ListenError["reason"], message: string) =>
      new ListenError({ reason, address: format(wanted), message })
    if (!isAddress(wanted)) return yield* refuse("failed", "that is no address to listen on")
    if (wanted.ip !== host.ip && wanted.ip !== EVERY_ADDRESS && !isLoopback(wanted.ip)) {
      return yield* refuse("addressNotAvailable", `this machine has the address ${host.ip}`)
    }

    const accept = yield* AcceptedLinks.make(onLink)
    const port = wanted.port === 0 ? host.ports.takeAny() : wanted.port
    if (port === undefined || (wanted.port !== 0 && !host.ports.take(port))) {
      return yield* refuse("addressInUse", "somebody listens there")
    }
    const door: Door = { address: tcpAddress(wanted.ip, port), accept }
    host.doors.set(port, door)
    // Finalizers run from the last to the first: the door is shut before the fibers behind it are interrupted.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        // After a crash the port may be somebody else's.
        if (host.doors.get(port) === door) host.close(door)
      })
    )
    return { address: wanted.ip === EVERY_ADDRESS ? tcpAddress(host.ip, port) : door.address }
  }, Effect.uninterruptible)

  return Transport.of({ dial, listen })
}

const isAddress = ({ ip, port }: PeerAddress): boolean =>
  ipNumber(ip) !== undefined && Number.isInteger(port) && port >= 0 && port <= MAX_PORT
