/**
 * The other side: a node of `@stellarbeat/js-stellar-node-connector`, an implementation of the protocol that no one here wrote.
 *
 * It is used as its programs use it, with the bookkeeping that it lacks on top: it sends whatever it is given, and only counts
 * the grants that it gets. So each of its flood messages waits here until our grants cover it.
 */
import { type Connection, createNode, type Node } from "@stellarbeat/js-stellar-node-connector"
import { Effect } from "effect"
import { createRequire } from "node:module"
import type { Server } from "node:net"
import { type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import type { Bell } from "./Bell.ts"

/** A message as the connector holds it. */
export type ConnectorMessage = Parameters<Connection["sendStellarMessage"]>[0]

type Logger = NonNullable<Parameters<typeof createNode>[1]>

// Its own copies of what it depends on: it does not know messages that another copy of the same classes made.
const here = createRequire(import.meta.url)
const inside = createRequire(here.resolve("@stellarbeat/js-stellar-node-connector"))
const { xdr }: {
  readonly xdr: { readonly StellarMessage: { readonly fromXDR: (bytes: Buffer) => ConnectorMessage } }
} = inside("@stellar/stellar-base")
const pino: (options: { readonly level: string }) => Logger = inside("pino")

/** A message of its classes, from bytes. */
export const connectorMessage = (bytes: Uint8Array): ConnectorMessage => xdr.StellarMessage.fromXDR(Buffer.from(bytes))

/** What can be chosen about the connector's node. */
export interface ConnectorOptions {
  readonly passphrase: string
  /** The overlay versions that it announces. Its own default, 17, is refused; below 28 its AUTH has the flags of old. */
  readonly overlayVersion?: number
  readonly overlayMinVersion?: number
  readonly versionText?: string
  /** Its seed (`S...`); without one, a new identity. */
  readonly seed?: string
  /** Whether it is done with a message, and its credit goes back, only when `consume` is called. */
  readonly consumesWhenTold?: boolean
  /** What it does about a message that it got. */
  readonly onMessage?: (heard: Heard, peer: ConnectorPeer) => void
}

/** A message that came through its handshake, its MAC and its decoder. */
export interface Heard {
  /** What it calls the kind, such as `floodAdvert`. */
  readonly name: string
  readonly message: ConnectorMessage
  /** What its own encoder makes of the message. */
  readonly bytes: Uint8Array
}

/** Leave to send: messages and bytes. */
export interface Credit {
  messages: number
  bytes: number
}

/** The kinds of message that spend credit. */
const FLOOD: ReadonlySet<string> = new Set(["scpMessage", "transaction", "floodAdvert", "floodDemand"])

/** The connector's end of one connection. */
export class ConnectorPeer {
  readonly connection: Connection
  /** All that it read behind the handshake, but grants; in order. */
  readonly heard: Array<Heard> = []
  /** Our grants, in order. */
  readonly grants: Array<Credit> = []
  /** What it may still send: our grants less what it sent. */
  readonly credit: Credit = { messages: 0, bytes: 0 }
  /** What it has given and not got yet: its own grants less what came. */
  readonly given: Credit = { messages: 0, bytes: 0 }
  /** Times that it was held back, because our grants did not cover its next message. */
  heldBack = 0
  /** Its side of the handshake is through. */
  isReady = false
  /** Our side has ended the stream behind its last byte. */
  isEnded = false
  isClosed = false

  private readonly bell: Bell
  private unconsumed: Array<() => void> = []
  private readonly waiting: Array<Uint8Array> = []

  constructor(connection: Connection, bell: Bell, { consumesWhenTold, onMessage }: ConnectorOptions) {
    this.connection = connection
    this.bell = bell
    this.watchGrants()
    connection.on("ready", () => {
      this.isReady = true
      bell.ring()
    })
    connection.on(
      "data",
      ({ done, stellarMessage }: { readonly done: () => void; readonly stellarMessage: ConnectorMessage }) => {
        const heard = { name: stellarMessage.switch().name, message: stellarMessage, bytes: stellarMessage.toXDR() }
        this.heard.push(heard)
        onMessage?.(heard, this)
        if (consumesWhenTold === true) this.unconsumed.push(done)
        else done()
        bell.ring()
      }
    )
    connection.on("end", () => {
      this.isEnded = true
      // It leaves it to its program to close when the other side has.
      connection.end()
      bell.ring()
    })
    connection.on("close", () => {
      this.isClosed = true
      bell.ring()
    })
    connection.on("error", () => bell.ring())
  }

  /** Our grants end in a counter of its, and its own are made deep inside: both are looked at on their way. */
  private watchGrants(): void {
    const { connection } = this
    const handle: (message: ConnectorMessage, size: number) => unknown = Reflect.get(connection, "handleStellarMessage")
    Reflect.set(connection, "handleStellarMessage", (message: ConnectorMessage, size: number) => {
      this.onRead(message, size)
      return handle.call(connection, message, size)
    })
    const send = connection.sendStellarMessage.bind(connection)
    connection.sendStellarMessage = (message, callback) => {
      if (message.switch().name === "sendMoreExtended") {
        const grant = message.sendMoreExtendedMessage()
        this.given.messages += grant.numMessages()
        this.given.bytes += grant.numBytes()
      }
      return send(message, callback)
    }
  }

  private onRead(message: ConnectorMessage, size: number): void {
    const { name } = message.switch()
    if (name === "sendMoreExtended") {
      const grant = message.sendMoreExtendedMessage()
      this.grants.push({ messages: grant.numMessages(), bytes: grant.numBytes() })
      this.credit.messages += grant.numMessages()
      this.credit.bytes += grant.numBytes()
      this.sendWaiting()
      this.bell.ring()
    }
    if (FLOOD.has(name)) {
      this.given.messages -= 1
      this.given.bytes -= size
    }
  }

  /** Sends a message that spends no credit. */
  send(bytes: Uint8Array): void {
    this.connection.sendStellarMessage(connectorMessage(bytes))
  }

  /** Sends messages that spend credit, in order, each when our grants cover it. */
  flood(messages: ReadonlyArray<Uint8Array>): void {
    this.waiting.push(...messages)
    this.sendWaiting()
  }

  private sendWaiting(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.credit.messages < 1 || this.credit.bytes < next.length) {
        this.heldBack += 1
        return
      }
      this.credit.messages -= 1
      this.credit.bytes -= next.length
      this.send(next)
      this.waiting.shift()
    }
  }

  /** Is done with what it has got. */
  consume(): void {
    const dones = this.unconsumed
    this.unconsumed = []
    for (const done of dones) done()
  }

  /** What it got of one kind, in order. */
  heardOf(name: string): ReadonlyArray<Heard> {
    return this.heard.filter((heard) => heard.name === name)
  }
}

const makeNode = (options: ConnectorOptions): Node =>
  createNode(
    {
      network: options.passphrase,
      nodeInfo: {
        ledgerVersion: 28,
        overlayVersion: options.overlayVersion ?? 42,
        overlayMinVersion: options.overlayMinVersion ?? 38,
        versionString: options.versionText ?? "js-stellar-node-connector 7.0.1"
      },
      // Announced by nobody: the connector says 11625 whatever stands here.
      listeningPort: 11_625,
      ...options.seed === undefined ? {} : { privateKey: options.seed },
      receiveTransactionMessages: true,
      receiveSCPMessages: true,
      peerFloodReadingCapacity: 200,
      flowControlSendMoreBatchSize: 40,
      peerFloodReadingCapacityBytes: 300_000,
      flowControlSendMoreBatchSizeBytes: 100_000
    },
    pino({ level: "silent" })
  )

/** A node of the connector. */
export interface Connector {
  /** Who it is (`G...`). */
  readonly id: string
  /** Dials us. */
  readonly dial: (address: PeerAddress) => ConnectorPeer
  /** Waits to be dialled; gives where. */
  readonly listen: Effect.Effect<PeerAddress>
  /** All its connections, in order. */
  readonly peers: ReadonlyArray<ConnectorPeer>
}

/** Makes a node of the connector; its sockets are gone when the Scope closes. */
export const makeConnector = (bell: Bell, options: ConnectorOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const node = makeNode(options)
      const peers: Array<ConnectorPeer> = []
      const enter = (connection: Connection): ConnectorPeer => {
        const peer = new ConnectorPeer(connection, bell, options)
        peers.push(peer)
        bell.ring()
        return peer
      }
      node.on("connection", enter)
      const connector: Connector = {
        id: node.keyPair.publicKey(),
        peers,
        dial: ({ ip, port }) => enter(node.connectTo(ip, port)),
        listen: Effect.callback((resume) => {
          node.once("listening", () => {
            const server: Server = Reflect.get(node, "server")
            const bound = server.address()
            if (bound === null || typeof bound === "string") throw new Error("the connector has no address")
            resume(Effect.succeed(tcpAddress("127.0.0.1", bound.port)))
          })
          node.acceptIncomingConnections(0, "127.0.0.1")
        })
      }
      return { connector, node }
    }),
    ({ connector, node }) =>
      Effect.callback<void>((resume) => {
        for (const { connection } of connector.peers) connection.destroy()
        node.stopAcceptingIncomingConnections(() => resume(Effect.void))
      })
  ).pipe(Effect.map(({ connector }) => connector))
