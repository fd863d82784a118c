/**
 * `@stellarbeat/js-stellar-node-connector` at either end: an implementation of the protocol that no one here wrote.
 *
 * It counts the grants that it gets and sends regardless, so the bench holds its messages back until grants cover them. It
 * decodes what it receives, and looks for no repetitions. It never sets TCP_NODELAY; as `connector-nodelay` that is done
 * from outside.
 */
import { type Connection, createNode, type Node } from "@stellarbeat/js-stellar-node-connector"
import { createRequire } from "node:module"
import * as Net from "node:net"
import { makeMessage } from "../messages.ts"
import { PASSPHRASE } from "../passphrase.ts"
import type { Order, Running, Window } from "../protocol.ts"

type Message = Parameters<Connection["sendStellarMessage"]>[0]
type Logger = NonNullable<Parameters<typeof createNode>[1]>

// Its own copies of what it depends on: it does not know messages that another copy of the same classes made.
const here = createRequire(import.meta.url)
const inside = createRequire(here.resolve("@stellarbeat/js-stellar-node-connector"))
const { xdr }: { readonly xdr: { readonly StellarMessage: { readonly fromXDR: (bytes: Buffer) => Message } } } = inside(
  "@stellar/stellar-base"
)
const pino: (options: { readonly level: string }) => Logger = inside("pino")

const LOOPBACK = "127.0.0.1"
/** Calls at once; the same as for the product. */
const CALLS_AT_ONCE = 8

const makeNode = ({ batchBytes, batchMessages, bytes, messages }: Window): Node =>
  createNode(
    {
      network: PASSPHRASE,
      nodeInfo: {
        ledgerVersion: 28,
        // Its default, 17, is refused today.
        overlayVersion: 42,
        overlayMinVersion: 38,
        versionString: "js-stellar-node-connector 7.0.1"
      },
      listeningPort: 11_625,
      receiveTransactionMessages: true,
      receiveSCPMessages: true,
      peerFloodReadingCapacity: messages,
      flowControlSendMoreBatchSize: batchMessages,
      peerFloodReadingCapacityBytes: bytes,
      flowControlSendMoreBatchSizeBytes: batchBytes
    },
    pino({ level: "silent" })
  )

const prepare = (connection: Connection, noDelay: boolean): void => {
  if (noDelay) {
    const socket: unknown = Reflect.get(connection, "socket")
    if (!(socket instanceof Net.Socket)) throw new Error("the connector has no socket")
    socket.setNoDelay(true)
  }
  connection.on("end", () => connection.end())
  connection.on("error", () => {})
}

const listen = async (node: Node): Promise<number> => {
  const listening = new Promise<void>((resolve) => node.once("listening", () => resolve()))
  node.acceptIncomingConnections(0, LOOPBACK)
  await listening
  const server: unknown = Reflect.get(node, "server")
  const bound = server instanceof Net.Server ? server.address() : null
  if (bound === null || typeof bound === "string") throw new Error("the connector has no address")
  return bound.port
}

const receive = async (window: Window, noDelay: boolean): Promise<Running> => {
  const node = makeNode(window)
  let frames = 0
  node.on("connection", (connection: Connection) => {
    prepare(connection, noDelay)
    connection.on(
      "data",
      ({ done, stellarMessage }: { readonly done: () => void; readonly stellarMessage: Message }) => {
        if (stellarMessage.switch().name === "scpMessage") frames += 1
        done()
      }
    )
  })
  return { port: await listen(node), count: () => frames }
}

const send = async (size: number, window: Window, port: number, noDelay: boolean): Promise<Running> => {
  const connection = makeNode(window).connectTo(LOOPBACK, port)
  prepare(connection, noDelay)
  connection.resume()
  // Its peer looks for no repetitions, so one message will do.
  const message = xdr.StellarMessage.fromXDR(Buffer.from(makeMessage(size)))
  let frames = 0
  let messages = 0
  let bytes = 0

  const fill = (): void => {
    while (messages > 0 && bytes >= size) {
      messages -= 1
      bytes -= size
      frames += 1
      connection.sendStellarMessage(message)
    }
  }
  // It tells nobody of the grants that it gets: they are looked at on their way.
  const handle: (message: Message, size: number) => unknown = Reflect.get(connection, "handleStellarMessage")
  Reflect.set(connection, "handleStellarMessage", (message: Message, size: number) => {
    if (message.switch().name === "sendMoreExtended") {
      const grant = message.sendMoreExtendedMessage()
      messages += grant.numMessages()
      bytes += grant.numBytes()
      fill()
    }
    return handle.call(connection, message, size)
  })
  await new Promise<void>((resolve) => connection.once("ready", () => resolve()))
  return { port: 0, count: () => frames }
}

const DEFAULT_WINDOW: Window = { messages: 200, bytes: 300_000, batchMessages: 40, batchBytes: 100_000 }

const accept = async (noDelay: boolean): Promise<Running> => {
  const node = makeNode(DEFAULT_WINDOW)
  let ready = 0
  node.on("connection", (connection: Connection) => {
    prepare(connection, noDelay)
    connection.resume()
    connection.once("ready", () => {
      ready += 1
    })
  })
  return { port: await listen(node), count: () => ready }
}

const call = async (port: number, warmUp: number, handshakes: number, noDelay: boolean): Promise<Running> => {
  const nodes = Array.from({ length: warmUp + handshakes }, () => makeNode(DEFAULT_WINDOW))
  let done = 0
  const callOne = (node: Node): Promise<void> =>
    new Promise((resolve, reject) => {
      const connection = node.connectTo(LOOPBACK, port)
      prepare(connection, noDelay)
      connection.resume()
      connection.once("ready", () => {
        done += 1
        // It has more to say in this turn.
        setImmediate(() => connection.end())
      })
      connection.once("error", reject)
      connection.once("close", () => resolve())
    })
  const calls = async (from: number, to: number): Promise<void> => {
    const waiting = nodes.slice(from, to).values()
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, async () => {
      for (const node of waiting) await callOne(node)
    }))
  }
  await calls(0, warmUp)
  return { port: 0, count: () => done, work: () => calls(warmUp, nodes.length) }
}

/** Plays any role. */
export const run = (order: Order): Promise<Running> => {
  const noDelay = order.side === "connector-nodelay"
  switch (order.role) {
    case "receiver":
      return receive(order.window, noDelay)
    case "sender":
      return send(order.size, order.window, order.port, noDelay)
    case "acceptor":
      return accept(noDelay)
    case "caller":
      return call(order.port, order.warmUp, order.handshakes, noDelay)
  }
}
