/**
 * From what people write, `host` or `host:port`, to an address that can be dialled.
 */
import { Effect, Result, Schema } from "effect"
import { AddressResolver } from "effect/net/AddressResolver"
import type { DnsError } from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { tcpAddress } from "../../core/PeerAddress.ts"

/** Says what is wrong with the text: no resolver was asked. */
export class InvalidAddress extends Schema.TaggedError<InvalidAddress>()("InvalidAddress", {
  text: Schema.String,
  message: Schema.String
}) {}

/** Says that the text is well formed, but no IPv4 address was found for its host. It may be found later. */
export class UnknownHost extends Schema.TaggedError<UnknownHost>()("UnknownHost", {
  host: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/**
 * Resolves `host` or `host:port` to its first IPv4 address; `defaultPort` is the port of a text that names none.
 *
 * A host is an IPv4 address or a name of letters, digits, dots and hyphens. IPv6 and ranges of addresses are refused; so
 * is what a resolver might take for something else than it looks like (`127.1`, `0x7f000001`, `010.0.0.1`).
 */
export const resolvePeerAddress = Effect.fn("resolvePeerAddress")(function*(text: string, defaultPort: number) {
  const endpoint = yield* Effect.fromResult(parse(text, defaultPort))
  const resolver = yield* AddressResolver
  const [{ address, port }] = yield* resolver.resolve(endpoint, { family: "IPv4" }).pipe(
    Effect.mapError((cause) => unknownHost(Host.formatHost(endpoint.host), cause))
  )
  const found: PeerAddress = tcpAddress(NetAddress.formatIp(address), port)
  return found
})

const parse = (text: string, defaultPort: number): Result.Result<Host.HostPort, InvalidAddress> => {
  const refuse = (why: string) =>
    Result.fail(new InvalidAddress({ text, message: `"${text}" is not a peer address: ${why}` }))
  if (text === "") return refuse("it is empty")
  if (/\s/.test(text)) return refuse("it has a space in it")
  if (text.includes("/")) return refuse("it is a URL or a range of addresses; write host or host:port")

  const [hostText = "", portText, ...more] = text.split(":")
  if (more.length > 0 || text.startsWith("[")) return refuse("IPv6 is not supported")
  if (hostText === "") return refuse("it has no host")
  if (!/^[A-Za-z0-9.-]+$/.test(hostText)) return refuse("a host has only letters, digits, dots and hyphens")
  const port = portText === undefined ? defaultPort : portOf(portText)
  if (port === undefined) return refuse("a port is a number from 1 to 65535")

  return Result.flatMap(Host.hostFromString(hostText), (host) => Host.hostPort(host, port)).pipe(
    Result.mapError((error) =>
      new InvalidAddress({
        text,
        message: /^[\d.]+$/.test(hostText)
          ? `"${text}" is not a peer address: an IPv4 address has four numbers from 0 to 255, without leading zeros`
          : `"${text}" is not a peer address: ${error.message}`
      })
    )
  )
}

const portOf = (text: string): number | undefined => {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? port : undefined
}

const unknownHost = (host: string, cause: DnsError | NetAddress.NetAddressError): UnknownHost => {
  if (cause._tag === "NetAddressError") {
    return new UnknownHost({ host, message: `${host} has no IPv4 address`, cause })
  }
  switch (cause.reason) {
    case "NotFound":
      return new UnknownHost({ host, message: `no host is called ${host}, or it has no IPv4 address`, cause })
    case "Temporary":
    case "Timeout":
      return new UnknownHost({ host, message: `the name server could not say now where ${host} is`, cause })
    default:
      return new UnknownHost({ host, message: `${host} could not be resolved (${cause.reason})`, cause })
  }
}
