/**
 * A child of the bench: plays one end of a connection, and measures its own process between two commands.
 */
import type { Answer, Command, Order, Running, SideName } from "./protocol.ts"

/** One way to play each role; loaded only where it is played, so that no side runs with another's code in memory. */
interface Side {
  readonly run: (order: Order) => Promise<Running>
}

const load = (name: SideName): Promise<Side> => {
  switch (name) {
    case "product":
      return import("./sides/product.ts")
    case "floor":
      return import("./sides/floor.ts")
    case "connector":
    case "connector-nodelay":
      return import("./sides/connector.ts")
  }
}

const answer = (message: Answer): void => {
  process.send?.(message)
}

const start = async (order: Order): Promise<void> => {
  const side = await load(order.side)
  const running = await side.run(order)
  let cpu = process.cpuUsage()
  let count = 0
  let began = 0

  process.on("message", (command: Command) => {
    if (command === "begin") {
      count = running.count()
      began = performance.now()
      cpu = process.cpuUsage()
      void running.work?.().then(() => answer({ _tag: "WorkDone" }), fail)
      return
    }
    const { system, user } = process.cpuUsage(cpu)
    const wallMillis = performance.now() - began
    answer({
      _tag: "Measured",
      measured: { count: running.count() - count, cpuMicros: system + user, wallMillis }
    })
  })
  answer({ _tag: "Ready", port: running.port })
}

const fail = (error: unknown): void => {
  answer({ _tag: "Failed", text: error instanceof Error ? error.stack ?? error.message : String(error) })
}

// A bench that is gone measures nothing more. `exit` and not a signal, so that a profile is still written.
process.on("disconnect", () => process.exit(0))
const order: Order = JSON.parse(process.argv[2] ?? "null")
start(order).catch(fail)
