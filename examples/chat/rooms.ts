/**
 * The rooms.
 *
 * Rule: the server and the page agree on them here.
 */

export const ROOMS: readonly ["lobby", "kitchen", "garden", "workshop"] = ["lobby", "kitchen", "garden", "workshop"];
