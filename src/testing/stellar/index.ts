/**
 * What a program needs to run its own application on a simulated network: `effect-overlay/testing`.
 *
 * Hostile peers, fault plans from files and what else is more special are modules of their own below `effect-overlay/testing/`.
 */
export { constant, type Distribution, exponential, logNormal, uniform } from "../../core/Distribution.ts"
export { byDistance, calm, fair, type LinkWeather } from "../../core/LinkWeather.ts"
export { type Prng, stream } from "../../core/Prng.ts"
export { type Fault, type FaultPlan, noFaults } from "../../core/simulation/FaultPlan.ts"
export { draw as drawFaultPlan } from "../../core/simulation/FaultPlanDraw.ts"
export { type Load, LOADS } from "../../core/simulation/Load.ts"
export { type Shape, type Topology, topologyFrom, topologyOf } from "../../core/simulation/Topology.ts"
export * as DelayedTransport from "../DelayedTransport.ts"
export { hostilePeers } from "./hostile/hostilePeers.ts"
export { everythingArrives } from "./properties/delivery.ts"
export { allProperties, cheapProperties } from "./properties/properties.ts"
export type { Hooks, Property, Violated, Watched, WatchedNode } from "./properties/Property.ts"
export * as RecordingApplication from "./RecordingApplication.ts"
export * as Simulation from "./Simulation.ts"
