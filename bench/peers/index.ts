/**
 * Every way that is compared.
 *
 * Rule: the first one is what the ratios are taken to.
 */
import { gaplessDisk, gaplessOs } from "./gapless.ts";
import type { Peer } from "./peer.ts";
import { plain } from "./plain.ts";

/** In the order of the table. */
export const peers: readonly Peer[] = [plain, gaplessOs, gaplessDisk];
