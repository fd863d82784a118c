/**
 * What the bench and its child processes say to each other.
 *
 * Every measurement has two children, one for each end of the connection, so that the CPU time of a process is the cost of
 * one side. The bench itself sleeps meanwhile.
 */

/** Who plays one end of a connection. */
export type SideName = "product" | "floor" | "connector" | "connector-nodelay"

/** Leave to send that a receiver gives, and after how much it gives more. */
export interface Window {
  readonly messages: number
  readonly bytes: number
  readonly batchMessages: number
  readonly batchBytes: number
}

/** What a child is to do. */
export type Order =
  | { readonly role: "receiver"; readonly side: SideName; readonly size: number; readonly window: Window }
  | {
    readonly role: "sender"
    readonly side: SideName
    readonly size: number
    readonly window: Window
    readonly port: number
  }
  | { readonly role: "acceptor"; readonly side: SideName }
  | {
    readonly role: "caller"
    readonly side: SideName
    readonly port: number
    /** Handshakes before it says that it is ready, and handshakes that are measured. */
    readonly warmUp: number
    readonly handshakes: number
  }

/** A child at work. */
export interface Running {
  /** Where it listens, if it does. */
  readonly port: number
  /** Frames, or handshakes, that it has done so far. */
  readonly count: () => number
  /** Work of limited length, begun when the measurement begins. */
  readonly work?: () => Promise<void>
}

/** From the bench to a child. */
export type Command = "begin" | "finish"

/** What one process needed between `begin` and `finish`. */
export interface Measured {
  readonly count: number
  /** User and system time of the whole process, collector and compiler included. */
  readonly cpuMicros: number
  readonly wallMillis: number
}

/** From a child to the bench. */
export type Answer =
  | { readonly _tag: "Ready"; readonly port: number }
  | { readonly _tag: "WorkDone" }
  | { readonly _tag: "Measured"; readonly measured: Measured }
  | { readonly _tag: "Failed"; readonly text: string }
