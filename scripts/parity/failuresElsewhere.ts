/**
 * How other implementations of the protocol failed, each by the name that a test of ours has in its title:
 * `[elsewhere: small-order X25519 key]`. The list is closed: whoever finds another failure puts it here first.
 */
export const FAILURES_ELSEWHERE: ReadonlyArray<string> = [
  "small-order X25519 key",
  "sequence advanced before the MAC check",
  "AUTH whose own MAC is wrong",
  "second HELLO after authentication",
  "pre-authentication limit still in force after it",
  "limit after authentication in force before it",
  "one identity holding many pending slots",
  "host name and IP of the same peer dialled twice",
  "a preferred peer evicting before its own dial succeeds",
  "a slot leaking when a fiber dies",
  "unsolicited sets cached",
  "credit leaking on shed or duplicate messages",
  "a large head message starving lower queues",
  "one full peer stalling others",
  "SCP dropped as seen before its quorum set came",
  "shutdown that hangs",
  "quorum sets nested thousands deep"
]
