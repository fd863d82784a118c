/**
 * Which side of a connection we are.
 */

/** Who opened the link: the caller did, the acceptor was called. */
export type Role = "caller" | "acceptor"
