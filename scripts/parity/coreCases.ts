/**
 * The cases of stellar-core's own test suite (`src/overlay/test`), as of overlay version 42: what a peer has to do, written down by
 * those whose network it is. docs/parity.md says which of our tests holds each.
 *
 * A case is named by its test and its sections, joined by " / ". That is how a test of ours names it in its title:
 * `[core: reject peers with incompatible overlay versions / above]`.
 */

/** One test of stellar-core. */
interface CoreTest {
  readonly name: string
  /** Its sections, if it has any: each is a case, and the test by itself then is none. */
  readonly sections?: ReadonlyArray<string>
  /** It runs over sockets there, and so it does here. */
  readonly over?: "TCP"
  /** Why no test of ours holds it, nor has to. */
  readonly leftOut?: string
}

/** The tests of one file. */
export interface CoreFile {
  readonly file: string
  readonly tests: ReadonlyArray<CoreTest>
}

const HERDERS = "signatures of transactions are the application's to check: the overlay calls nothing of it"
const BATCHES = "batches of transactions exist in stellar-core's builds for tests only, and no peer sends them"
const CONSENSUS = "differs from the others in its quorum sets alone, which are the application's"

export const CORE_FILES: ReadonlyArray<CoreFile> = [
  {
    file: "OverlayTests",
    tests: [
      { name: "loopback peer hello" },
      { name: "loopback peer with 0 port" },
      { name: "loopback peer send auth before hello" },
      {
        name: "flow control byte capacity",
        sections: [
          "basic accounting",
          "send more flow",
          "batch < message",
          "batch > message",
          "message count kicks in first",
          "automatic byte configs",
          "mixed versions",
          "older versions"
        ]
      },
      {
        name: "transaction size upgrades",
        sections: [
          "buffer big enough",
          "no upgrade",
          "fee bump",
          "both upgrade",
          "fee bump after upgrade",
          "limit decreased",
          "upgrade delayed",
          "acceptor upgrades later",
          "never"
        ]
      },
      { name: "flow control total byte capacity throttles non-flood traffic" },
      {
        name: "loopback peer flow control activation",
        sections: ["basic", "bad peer / invalid value", "bad peer / invalid type"]
      },
      { name: "drop peers that dont respect capacity", sections: ["bytes", "messages"] },
      { name: "drop idle flow-controlled peers" },
      { name: "drop peers that overflow capacity", sections: ["message", "byte"] },
      { name: "failed auth" },
      { name: "peers during auth", sections: ["inbound", "outbound"] },
      {
        name: "outbound queue filtering",
        sections: [
          "SCP messages, slot too old",
          "SCP messages, checkpoint too old",
          "limit based on tx set size",
          "limit based on total bytes",
          "obsolete SCP messages",
          "advert demand limit"
        ]
      },
      { name: "reject non preferred peer", sections: ["inbound", "outbound"] },
      { name: "accept preferred peer even when strict", sections: ["inbound", "outbound"] },
      { name: "reject peers beyond max", sections: ["inbound", "outbound"] },
      {
        name: "reject peers beyond max - preferred peer wins",
        sections: [
          "preferred first / inbound",
          "preferred first / outbound",
          "preferred second / inbound",
          "preferred second / outbound"
        ]
      },
      { name: "allow inbound pending peers up to max" },
      { name: "allow inbound pending peers over max if possibly preferred" },
      { name: "allow outbound pending peers up to max" },
      { name: "reject peers with differing network passphrases" },
      { name: "reject peers with invalid cert" },
      { name: "reject banned peers" },
      { name: "reject peers with incompatible overlay versions", sections: ["above", "below"] },
      { name: "reject peers who dont handshake quickly", sections: ["2 seconds", "5 seconds"] },
      { name: "drop peers who straggle", sections: ["60 seconds", "120 seconds", "150 seconds"] },
      { name: "GET_SCP_STATE rate limiting" },
      { name: "reject peers with the same nodeid" },
      { name: "connecting to saturated nodes", over: "TCP" },
      { name: "inbounds nodes can be promoted to ouboundvalid", over: "TCP" },
      { name: "flow control when out of sync" },
      { name: "overlay flow control / no batching", over: "TCP" },
      { name: "overlay flow control / batch 5", leftOut: BATCHES },
      { name: "database is purged at overlay start" },
      { name: "peer numfailures resets after good connection" },
      { name: "peer is purged from database after few failures" },
      { name: "disconnected topology recovery", sections: ["regular peers", "preferred peers"] },
      {
        name: "overlay pull mode",
        sections: [
          "ignore duplicated adverts",
          "do not advertise to peers that know",
          "sanity check - demand",
          "exact same advert from two peers",
          "overlapping adverts",
          "randomize peers"
        ]
      },
      { name: "overlay pull mode loadgen" },
      { name: "overlay pull mode loadgen, with batches", leftOut: BATCHES },
      { name: "overlay pull mode with many peers" },
      { name: "Queue purging after write completion", sections: ["p1 never reads", "p1 received all"] },
      { name: "background signature verification with missing account", leftOut: HERDERS },
      { name: "populateSignatureCache tests", leftOut: HERDERS }
    ]
  },
  {
    file: "TCPPeerTests",
    tests: [
      { name: "TCPPeer lifetime", sections: ["cannot accept", "cannot initiate"], over: "TCP" },
      { name: "TCPPeer can communicate", over: "TCP" },
      {
        name: "TCPPeer read malformed messages",
        sections: ["over limit", "bad auth sequence", "corrupt xdr"],
        over: "TCP"
      },
      { name: "TCPPeer drop at capacity", over: "TCP" }
    ]
  },
  {
    file: "FloodTests",
    tests: [
      { name: "transaction flooding / loopback", sections: ["core", "outer nodes"] },
      { name: "transaction flooding / tcp", sections: ["core", "outer nodes"], over: "TCP" },
      { name: "scp messages flooding / loopback", sections: ["core", "outer nodes"] },
      { name: "scp messages flooding / tcp", sections: ["core", "outer nodes"], over: "TCP" },
      { name: "pull mode with 2 nodes" },
      { name: "pull mode with 2 nodes / advertise again" },
      { name: "pull mode with 4 nodes" }
    ]
  },
  {
    file: "ItemFetcherTests",
    tests: [
      {
        name: "ItemFetcher fetches",
        sections: [
          "stop one",
          "stop all",
          "dont stop",
          "no cache",
          "asks peers in turn / success",
          "asks peers in turn / once",
          "asks peers in turn / twice",
          "not found with timeout",
          "not found with active DONT_HAVE",
          "ignore not asked"
        ]
      },
      {
        name: "ItemFetcher next peer strategy",
        sections: ["doesn't retry same peer", "new peer", "peer that later shows knowledge"]
      }
    ]
  },
  {
    file: "TrackerTests",
    tests: [
      {
        name: "Tracker works",
        sections: [
          "empty",
          "listen",
          "twice same",
          "different",
          "remove old",
          "remove future",
          "remove both sides, checkpoint kept"
        ]
      }
    ]
  },
  {
    file: "TxAdvertsTests",
    tests: [{ name: "advert queue", sections: ["incoming adverts", "outgoing adverts"] }]
  },
  {
    file: "PeerManagerTests",
    tests: [
      { name: "toXdr" },
      { name: "private addresses" },
      { name: "create peer record" },
      {
        name: "parse peer record",
        sections: ["empty", "spaces", "invalid IPv4", "IPv4 mask", "IPv6", "invalid port", "default port"]
      },
      { name: "loadRandomPeers" },
      { name: "getPeersToSend" },
      { name: "nextAttemptCutoff limits failures" },
      { name: "purge peer table" }
    ]
  },
  {
    file: "OverlayManagerTests",
    tests: [
      { name: "storeConfigPeers() adds" },
      { name: "triggerPeerResolution() async" },
      { name: "storeConfigPeers() update type" },
      { name: "broadcast() broadcasts" }
    ]
  },
  {
    file: "OverlayTopologyTests",
    tests: [
      { name: "basic connectivity", sections: ["too sparse", "23 validators", "100 watchers"] },
      { name: "peer churn", sections: ["add", "remove and add again", "over time"] }
    ]
  },
  {
    file: "SurveyManagerTests",
    tests: [
      { name: "encrypted response memory check" },
      {
        name: "topology survey",
        sections: [
          "5 nodes",
          "surveyor outside quorum ignored",
          "not in SURVEYOR_KEYS ignored",
          "unknown responses filtered"
        ]
      },
      { name: "survey request process order" },
      { name: "time sliced static survey", sections: ["phases", "indices", "conflict", "time-outs"] },
      { name: "time sliced dynamic survey", sections: ["join", "leave"] }
    ]
  },
  {
    file: "SurveyMessageLimiterTests",
    tests: [
      {
        name: "survey message limiter",
        sections: ["limits", "self exempt", "response once", "ledger window", "unknown response", "clear old"]
      }
    ]
  },
  {
    file: "src/simulation, Topologies",
    tests: [
      {
        name: "topology",
        sections: ["pair", "cycle4", "core", "cycle", "branchedcycle", "separate", "customA", "asymmetric"]
      },
      { name: "topology / separateAllHighQuality", leftOut: CONSENSUS },
      { name: "topology / hierarchicalQuorum", leftOut: CONSENSUS },
      { name: "topology / hierarchicalQuorumSimplified", leftOut: CONSENSUS }
    ]
  }
]

/** One case: a test, or a section of one. */
export interface CoreCase {
  readonly file: string
  readonly name: string
  readonly over: "TCP" | undefined
  readonly leftOut: string | undefined
}

/** All cases, in the order above. */
export const CORE_CASES: ReadonlyArray<CoreCase> = CORE_FILES.flatMap(({ file, tests }) =>
  tests.flatMap(({ leftOut, name, over, sections }) => {
    const names = sections === undefined ? [name] : sections.map((section) => `${name} / ${section}`)
    return names.map((each) => ({ file, name: each, over, leftOut }))
  })
)
