/** The network of the bench, whoever plays it. */
export const PASSPHRASE = "Bench Network ; November 2026"
