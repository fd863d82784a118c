/**
 * Links over TCP and IPv4, straight on `node:net`.
 *
 * Received bytes pass through one buffer that all sockets share, and sent bytes are the caller's again as soon as the
 * kernel took them: so neither way costs a copy.
 */
import { Effect, Layer } from "effect"
import * as Net from "node:net"
import * as limits from "../../core/limits.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format, tcpAddress } from "../../core/PeerAddress.ts"
import type { Link } from "../../services/Transport.ts"
import { DialError, LinkError, ListenError, Transport } from "../../services/Transport.ts"
import * as AcceptedLinks from "../runtime/AcceptedLinks.ts"
import { LinkReader } from "../runtime/LinkReader.ts"

/** What can be chosen. */
export interface Options {
  /**
   * How received bytes come in. `onread` (the default) reads into the shared buffer. `data` uses the stream's own events,
   * with a buffer per read: for a runtime where a socket's handle cannot be taken over, and 4 to 14 % dearer in CPU.
   */
  readonly reading?: "onread" | "data"
  /** How many connections may wait in the kernel to be accepted. */
  readonly backlog?: number
}

/** Keeps the promise of `Transport` with this machine's TCP stack. */
export const layer = (options: Options = {}): Layer.Layer<Transport> => Layer.sync(Transport, () => make(options))

/** The transport itself: it holds nothing until it is used. */
export const make = (options: Options = {}): Transport["Service"] => {
  const reading = options.reading ?? "onread"
  const backlog = options.backlog ?? limits.DEFAULT_LISTEN_BACKLOG

  const dial: Transport["Service"]["dial"] = (address, { timeout }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const wrong = notDialable(address)
        if (wrong !== undefined) return Effect.fail(dialError("failed", address, wrong))
        const opened = reading === "onread"
          ? openShared(undefined)
          : openEvents(new Net.Socket({ allowHalfOpen: true }))
        return connect(opened.socket, address).pipe(
          Effect.timeoutOrElse({
            duration: timeout,
            orElse: () => Effect.fail(dialError("timeout", address, "no answer in time"))
          }),
          restore,
          Effect.onError(() => opened.close),
          Effect.andThen(Effect.addFinalizer(() => opened.close)),
          Effect.map(() => opened.link(addressOf(opened.socket.localAddress, opened.socket.localPort), address))
        )
      })
    )

  const listen: Transport["Service"]["listen"] = Effect.fnUntraced(function*(address, onLink) {
    const wrong = notBindable(address)
    if (wrong !== undefined) return yield* listenError("failed", address, wrong)

    const server = Net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
    let state: "new" | "open" | "closing" | "closed" = "new"
    let toldOfRefusal = false

    // Finalizers run from the last to the first: stop accepting, end the links, wait until the port is free.
    yield* Effect.addFinalizer(() =>
      Effect.callback<void>((resume) => {
        if (state === "new" || state === "closed") return resume(Effect.void)
        server.once("close", () => resume(Effect.void))
      })
    )
    const log = Effect.runForkWith(yield* Effect.context())
    const accept = yield* AcceptedLinks.make(onLink)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (state !== "open") return
        state = "closing"
        server.close(() => {
          state = "closed"
        })
      })
    )

    server.on("connection", (accepted) => {
      toldOfRefusal = false
      const { remoteAddress, remotePort } = accepted
      // Who hung up before we came to accept has no address any more.
      if (state !== "open" || remoteAddress === undefined) {
        accepted.destroy()
        return
      }
      const opened = adopt(accepted, reading)
      const { localAddress, localPort } = opened.socket
      const link = opened.link(addressOf(localAddress, localPort), addressOf(remoteAddress, remotePort))
      accept(link, opened.close)
    })

    yield* Effect.callback<void, ListenError>((resume) => {
      const onError = (error: Error) =>
        resume(Effect.fail(listenError(listenReason(codeOf(error)), address, error.message)))
      server.once("error", onError)
      server.listen({ host: address.ip, port: address.port, backlog }, () => {
        state = "open"
        server.off("error", onError)
        // A machine out of descriptors refuses accepts one by one; the door stays open for when there are some again.
        server.on("error", (error) => {
          if (toldOfRefusal) return
          toldOfRefusal = true
          log(Effect.logWarning(`connections to ${format(address)} cannot be accepted: ${error.message}`))
        })
        resume(Effect.void)
      })
    })

    const bound = server.address()
    return { address: bound === null || typeof bound === "string" ? address : addressOf(bound.address, bound.port) }
  }, Effect.uninterruptible)

  return Transport.of({ dial, listen })
}

/** A socket with its reading half, before it is known who is at the other end. */
interface Opened {
  readonly socket: Net.Socket
  /** Makes the link. */
  readonly link: (localAddress: PeerAddress, remoteAddress: PeerAddress) => Link
  /** Destroys the socket, and completes when its descriptor is free. */
  readonly close: Effect.Effect<void>
}

/**
 * The buffer that every socket reads into. A chunk is lent for one call of the sink and the process has one thread, so
 * no two are ever in use at once.
 */
const shared = new Uint8Array(limits.READ_BUFFER_BYTES)

/** Opens a socket that reads into the shared buffer: a new one, or one around a handle that was accepted. */
const openShared = (handle: object | undefined): Opened => {
  const reader = new LinkReader({
    start: () => {
      socket.read(0)
    },
    stop: () => {
      socket.pause()
    }
  })
  const options = {
    allowHalfOpen: true,
    onread: { buffer: shared, callback: (length: number) => reader.deliver(shared.subarray(0, length)) }
  }
  // Taking over a handle is not in Node's types.
  const socket: Net.Socket = handle === undefined
    ? new Net.Socket(options)
    : Reflect.construct(Net.Socket, [{ ...options, handle, pauseOnCreate: true }])
  // A socket that was paused before it connects does not begin to read by itself.
  socket.pause()
  return attach(socket, reader, (error) => reader.finish(error))
}

/** Reads a socket by its events, which bring a buffer of their own for each read. */
const openEvents = (socket: Net.Socket): Opened => {
  // What the stream had read when the link broke, and why it broke. The stream by itself would throw the bytes away.
  let left: { readonly chunk: Uint8Array; readonly error: LinkError } | undefined
  const deliverLeft = () => {
    if (left === undefined || !reader.isReading()) return
    const { chunk, error } = left
    left = undefined
    reader.deliver(chunk)
    reader.finish(error)
  }
  const reader = new LinkReader({
    start: () => {
      if (left === undefined) socket.resume()
      else process.nextTick(deliverLeft)
    },
    stop: () => {
      socket.pause()
    }
  })
  socket.pause()
  socket.on("data", (chunk: Uint8Array) => {
    if (!reader.deliver(chunk)) socket.pause()
  })
  return attach(socket, reader, (error) => {
    if (left !== undefined) return
    const chunk: unknown = socket.readableLength > 0 ? socket.read() : undefined
    if (chunk instanceof Uint8Array) {
      left = { chunk, error }
      deliverLeft()
    } else {
      reader.finish(error)
    }
  })
}

/**
 * Takes over a connection that the server accepted.
 *
 * `onread` is an option of a socket's birth, and the server gives birth: so its handle goes into a socket of ours. The
 * server's own one is destroyed empty, else the server would count it for ever and never finish closing.
 */
const adopt = (accepted: Net.Socket, reading: "onread" | "data"): Opened => {
  const handle: unknown = reading === "onread" ? Reflect.get(accepted, "_handle") : undefined
  if (typeof handle !== "object" || handle === null) return openEvents(accepted)
  Reflect.set(accepted, "_handle", null)
  accepted.destroy()
  return openShared(handle)
}

/** Makes a link of a socket whose reading half stands. `finish` tells that half how the link ended. */
const attach = (socket: Net.Socket, reader: LinkReader, finish: (error: LinkError) => void): Opened => {
  let closed = false
  let full = false
  let notify: (() => void) | undefined
  let writeFailure: LinkError | undefined

  const becomeWritable = () => {
    if (!full) return
    full = false
    try {
      notify?.()
    } catch (defect) {
      // Outside every fiber, as a chunk is: the session that threw shall know of it, and nobody else.
      reader.die(defect)
    }
  }

  // A write that fails would have the stream destroy the socket, and with it what the other side said last, which may
  // wait in the kernel unread. So the bytes go nowhere and the reader comes upon the end by itself, behind those words.
  const settle = (callback: () => void) => (error?: Error | null) => {
    if (error) writeFailure ??= linkError(error)
    callback()
    if (socket.writableLength === 0) becomeWritable()
  }
  const write = socket._write
  const writev = socket._writev
  socket._write = (chunk, encoding, callback) => write.call(socket, chunk, encoding, settle(callback))
  if (writev) socket._writev = (chunks, callback) => writev.call(socket, chunks, settle(callback))

  socket.setNoDelay(true)
  socket.on(
    "end",
    () => finish(writeFailure ?? new LinkError({ reason: "ended", message: "the other side has ended" }))
  )
  socket.on("error", (error) => finish(linkError(error)))
  socket.on("close", () => {
    closed = true
    finish(new LinkError({ reason: "failed", message: "closed on this side" }))
  })

  const isGone = () => closed || socket.destroyed || writeFailure !== undefined

  return {
    socket,
    close: Effect.callback((resume) => {
      if (closed) return resume(Effect.void)
      socket.once("close", () => resume(Effect.void))
      socket.destroy()
    }),
    link: (localAddress, remoteAddress) => ({
      localAddress,
      remoteAddress,
      read: (sink) => reader.read(sink),
      send: (bytes) => {
        if (isGone() || socket.writableEnded || bytes.length === 0) return true
        socket.write(bytes)
        // The kernel took all of it at once, and nothing refers to the buffer any more.
        if (socket.writableLength === 0) return true
        full = true
        return false
      },
      onWritable: (next) => {
        notify = next
      },
      isWritable: () => !full,
      end: Effect.callback((resume) => {
        if (isGone() || socket.writableFinished) return resume(Effect.void)
        const forget = () => {
          socket.off("finish", done)
          socket.off("close", done)
        }
        const done = () => {
          forget()
          resume(Effect.void)
        }
        socket.on("finish", done)
        socket.on("close", done)
        socket.end()
        return Effect.sync(forget)
      })
    })
  }
}

/** Connects, in whatever time the kernel takes. */
const connect = (socket: Net.Socket, address: PeerAddress): Effect.Effect<void, DialError> =>
  Effect.callback((resume) => {
    const forget = () => {
      socket.off("connect", onConnect)
      socket.off("error", onError)
    }
    const onConnect = () => {
      forget()
      resume(Effect.void)
    }
    const onError = (error: Error) => {
      forget()
      resume(Effect.fail(dialError(dialReason(codeOf(error)), address, error.message)))
    }
    socket.on("connect", onConnect)
    socket.on("error", onError)
    socket.connect({ host: address.ip, port: address.port, family: 4 })
    return Effect.sync(forget)
  })

// Only numbers are dialled and bound: a name would go through the system's resolver, behind the back of AddressResolver.
const notBindable = ({ ip, port }: PeerAddress): string | undefined => {
  if (!Net.isIPv4(ip)) return `${ip} is not an IPv4 address`
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return `${port} is not a port`
  return undefined
}

const notDialable = (address: PeerAddress): string | undefined =>
  address.port === 0 ? "port 0 cannot be dialled" : notBindable(address)

/** An address as the socket tells it. A socket for both families tells IPv4 as `::ffff:192.0.2.1` (RFC 4291, 2.5.5.2). */
const addressOf = (ip: string | undefined, port: number | undefined): PeerAddress => {
  const text = ip ?? "0.0.0.0"
  const mapped = text.slice(text.lastIndexOf(":") + 1)
  return tcpAddress(Net.isIPv4(mapped) ? mapped : text, port ?? 0)
}

const codeOf = (error: Error): string => "code" in error && typeof error.code === "string" ? error.code : ""

const linkError = (error: Error): LinkError => {
  const cut = ["ECONNRESET", "EPIPE", "ECONNABORTED"].includes(codeOf(error))
  return new LinkError({ reason: cut ? "reset" : "failed", message: error.message })
}

const dialReason = (code: string): DialError["reason"] => {
  switch (code) {
    case "ECONNREFUSED":
      return "refused"
    case "ETIMEDOUT":
      return "timeout"
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EHOSTDOWN":
    case "ENETDOWN":
      return "unreachable"
    default:
      return "failed"
  }
}

const listenReason = (code: string): ListenError["reason"] => {
  switch (code) {
    case "EADDRINUSE":
      return "addressInUse"
    case "EACCES":
    case "EPERM":
      return "notPermitted"
    case "EADDRNOTAVAIL":
      return "addressNotAvailable"
    default:
      return "failed"
  }
}

const dialError = (reason: DialError["reason"], address: PeerAddress, message: string) =>
  new DialError({ reason, address: format(address), message })

const listenError = (reason: ListenError["reason"], address: PeerAddress, message: string) =>
  new ListenError({ reason, address: format(address), message })
