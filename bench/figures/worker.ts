/**
 * A child of `bench figures`: runs one network with one seed, and prints what was measured.
 */
import { figures } from "./all.ts"
import type { Order } from "./children.ts"

const order: Order = JSON.parse(process.argv[2] ?? "null")
const variant = figures[order.figure].variants[order.variant]
if (variant === undefined) throw new RangeError(`${order.figure} has no variant ${order.variant}`)
process.stdout.write(JSON.stringify(variant.run(order)))
