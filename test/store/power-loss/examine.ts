/**
 * What a store makes of the files that were left.
 *
 * Rule: it is opened as after any restart; nobody tells it that something happened.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sqlite } from "../../../src/store/sqlite.ts";
import type { Store } from "../../../src/store/store.ts";
import { type Finding, Witness } from "../witness.ts";
import type { Image } from "./images.ts";
import { DATABASE, type Recorder } from "./recorder.ts";

/** Looks at a store on an image, which is open, and at what the witness found in it. */
export type Look = (store: Store, witness: Witness, finding: Finding) => Promise<void>;

/** Opens a store on an image. Throws where what is in it does not fit together. */
export async function examine(
  { directory }: Recorder,
  { files, acknowledged }: Omit<Image, "failing">,
  look: Look,
): Promise<void> {
  const place = join(directory, "image");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  for (const [name, bytes] of files) writeFileSync(join(place, name), bytes);
  const witness = new Witness();
  witness.hear(acknowledged);
  const store = sqlite(join(place, DATABASE));
  const { epoch } = await store.open();
  try {
    await look(store, witness, await witness.inspect(store, epoch));
  } finally {
    await store.close();
  }
}
