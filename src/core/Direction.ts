/** Who opened a connection: they did, or we did. */
export type Direction = "inbound" | "outbound"
