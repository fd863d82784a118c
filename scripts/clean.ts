/**
 * Removes what a build makes, so that a module that was renamed does not live on in the package.
 */
import { rmSync } from "node:fs"

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true })
