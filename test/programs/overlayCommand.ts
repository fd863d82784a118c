/**
 * The `overlay` command as people run it: a process of its own, its two streams and its exit code.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"

const main = join(import.meta.dirname, "../../src/programs/main.ts")

/** A command that has not ended by then is killed, and has no exit code. */
const PATIENCE_MILLIS = 25_000

/** What a command left behind. `code` is `null` if it was killed. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const start = (args: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) =>
  spawn(process.execPath, [main, ...args], {
    timeout: PATIENCE_MILLIS,
    killSignal: "SIGKILL",
    // Whether the tests are run in a terminal shall make no difference.
    env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, ...environment }
  })

/** Runs a command to its end. */
export const overlay = async (...args: ReadonlyArray<string>): Promise<Outcome> => {
  const child = start(args)
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (chunk: Buffer) => stdout += chunk.toString("utf8"))
  child.stderr.on("data", (chunk: Buffer) => stderr += chunk.toString("utf8"))
  const [code] = await once(child, "close")
  return { code: typeof code === "number" ? code : null, stdout, stderr }
}

/** A document on a line of stdout. */
export type Document = Readonly<Record<string, unknown>>

/** A command that runs on. */
export interface Running {
  /** The next line of stdout; `undefined` at its end. */
  readonly line: () => Promise<string | undefined>
  /** The next document for which this holds; those before it are passed over. Fails if the command ends without one. */
  readonly next: (is: (document: Document) => boolean) => Promise<Document>
  /** Sends a signal and waits for the end, which must come by itself in 5 s; gives the exit code. */
  readonly stop: (signal: "SIGINT" | "SIGTERM") => Promise<number | null>
  /** Closes our end of its stdout, and waits for the end. */
  readonly hangUp: () => Promise<Omit<Outcome, "stdout">>
  /** Ends it, however it stands. */
  readonly kill: () => void
}

/** Starts a command. */
export const startOverlay = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
): Running => {
  const child = start(args, environment)
  let stderr = ""
  child.stderr.on("data", (chunk: Buffer) => stderr += chunk.toString("utf8"))
  const ended = once(child, "close")
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string | undefined> => {
    const { done, value } = await lines.next()
    return done === true ? undefined : value
  }
  return {
    line,
    next: async (is) => {
      for (let text = await line(); text !== undefined; text = await line()) {
        const document: unknown = JSON.parse(text)
        if (typeof document === "object" && document !== null && is({ ...document })) return { ...document }
      }
      throw new Error(`overlay ${args.join(" ")} ended without what was waited for: ${stderr}`)
    },
    stop: async (signal) => {
      child.kill(signal)
      const tooLate = setTimeout(() => child.kill("SIGKILL"), 5000)
      const [code] = await ended
      clearTimeout(tooLate)
      return typeof code === "number" ? code : null
    },
    hangUp: async () => {
      child.stdout.destroy()
      const [code] = await ended
      return { code: typeof code === "number" ? code : null, stderr }
    },
    kill: () => {
      child.kill("SIGKILL")
    }
  }
}

/** Whether a document is about this event. */
export const isEvent = (name: string) => (document: Document): boolean => document["event"] === name
