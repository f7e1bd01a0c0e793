/**
 * `gapless-io/testing`: proving delivery.
 *
 * Rule: what ships here is what the package itself is tested with.
 */
export { type DeliveryCase, type DeliverySuiteOptions, deliverySuite } from "./delivery-suite.ts";
export { type Direction, type FaultProxy, faultProxy, type Latency, type UpgradeFault } from "./fault-proxy.ts";
export { type Anomaly, type AnomalyKind, checkHistory, type HistoryEvent, type HistoryOptions } from "./history.ts";
export { type Checked, type CheckOptions, checkHistories, describeFailure, type Failure } from "./simulator/check.ts";
export type { Handlers, Outcome, SimulatedEntry, SimulatedMessage } from "./simulator/handlers.ts";
export type { Hits } from "./simulator/hits.ts";
export { FAULTS, type Fault, type Plan, type PlanOptions, plans, type Step } from "./simulator/plan.ts";
export { type History, run, type SimulateOptions, simulate } from "./simulator/simulate.ts";
export { PROPERTIES, type Property, Violation } from "./simulator/violation.ts";
export {
  type FaultyStore,
  faultyStore,
  type StoreFault,
  type StoreFaultPlan,
  type StoreMethod,
} from "./store-faults.ts";
export {
  type MakeStore,
  type StoreCase,
  type StoreHarness,
  type StoreSuiteOptions,
  storeFaultSuite,
  storeSuite,
} from "./store-suite.ts";
export { settled, type VirtualClock, virtualClock } from "./virtual-clock.ts";
