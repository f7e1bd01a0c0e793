/**
 * What a disk may hold after the power failed, made from a recording.
 *
 * Rule: what was synced is there. Of what was not, each sector of 512 bytes is there or not, whatever the order in which
 * it was written; so is each truncation; and a file's name is in its directory as it was when the directory was last synced, or as it
 * is now. After a sync that failed, a later one that succeeds proves nothing for what was written before: Linux takes
 * such pages for clean.
 */
import { ACKNOWLEDGEMENTS } from "./recorder.ts";

const SECTOR = 512;
/** Bytes of a note before its path. */
const HEAD = 32;

/** One operation that was recorded. */
interface Note {
  readonly operation: "W" | "T" | "U" | "S" | "F";
  /** Name in the recorded directory; empty for the directory itself. */
  readonly name: string;
  /** Where was written; for a truncation, the new size. */
  readonly offset: number;
  readonly data: Buffer;
}

/** A random number from 0 up to 1. */
export type Random = () => number;

/** A file, apart from the names that it has. */
interface File {
  synced: Contents;
  /** What followed, in order. Some of it is synced only after something that never will be. */
  later: { readonly note: Note; state: "pending" | "synced" | "doubtful" }[];
}

/** Files by name, and the acknowledgements that had left the process. */
export interface Image {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly acknowledged: string;
  /** Whether a sync has failed, and no batch was acknowledged since. */
  readonly failing: boolean;
}

/** The notes of a recording, in order. */
export function notesOf(recording: Buffer, directory: string): Note[] {
  const notes: Note[] = [];
  for (let at = 0; at < recording.length; ) {
    const operation = String.fromCharCode(recording[at] ?? 0) as Note["operation"];
    const offset = Number(recording.readBigUInt64LE(at + 8));
    const count = Number(recording.readBigUInt64LE(at + 16));
    const start = at + HEAD + Number(recording.readBigUInt64LE(at + 24));
    const name = recording.toString("utf8", at + HEAD, start).slice(directory.length + 1);
    notes.push({ operation, name, offset, data: recording.subarray(start, start + count) });
    at = start + count;
  }
  return notes;
}

/**
 * Images of moments in a recording, from the earliest to the latest moment; the moments are spread at random over all that
 * follows the first acknowledgement of a batch. Numbers come from `random` alone, so a seed repeats them.
 */
export function* imagesOf(notes: readonly Note[], count: number, random: Random): Generator<Image> {
  const first = notes.findIndex(({ name, data }) => name === ACKNOWLEDGEMENTS && data.includes('"batch"')) + 1;
  const moments = Array.from({ length: count }, () => first + Math.floor(random() * (notes.length - first + 1)));
  moments.sort((a, b) => a - b);
  const disk = new Disk();
  let done = 0;
  for (const moment of moments) {
    while (done < moment) disk.perform(notes[done++] as Note);
    // All of what was not synced, half of it, or nothing.
    const share = [0, 0.5, 0.5, 1][Math.floor(random() * 4)] ?? 0;
    yield { files: disk.afterPowerLoss(share, random), acknowledged: disk.acknowledged, failing: disk.failing };
  }
}

/** The files at the end of a recording, when the power did not fail. */
export function filesAtTheEnd(notes: readonly Note[]): ReadonlyMap<string, Buffer> {
  const disk = new Disk();
  for (const note of notes) disk.perform(note);
  return disk.afterPowerLoss(1, () => 0);
}

class Disk {
  acknowledged = "";
  failing = false;
  #names = new Map<string, File>();
  #syncedNames = new Map<string, File>();

  perform(note: Note): void {
    const { operation, name, data } = note;
    if (name === ACKNOWLEDGEMENTS) {
      this.acknowledged += data.toString();
      if (data.includes('"batch"')) this.failing = false;
      return;
    }
    if (operation === "F") this.failing = true;
    if (name === "") {
      if (operation === "S") this.#syncedNames = new Map(this.#names);
      return;
    }
    if (operation === "U") this.#names.delete(name);
    else if (operation === "S") sync(this.#file(name));
    else if (operation === "F") doubt(this.#file(name));
    else this.#file(name).later.push({ note, state: "pending" });
  }

  afterPowerLoss(share: number, random: Random): ReadonlyMap<string, Buffer> {
    const files = new Map<string, Buffer>();
    for (const name of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      const names = random() < share ? this.#names : this.#syncedNames;
      const file = names.get(name);
      if (file !== undefined) files.set(name, survived(file, share, random));
    }
    return files;
  }

  #file(name: string): File {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const made: File = { synced: new Contents(), later: [] };
    this.#names.set(name, made);
    return made;
  }
}

function sync(file: File): void {
  for (const one of file.later) if (one.state === "pending") one.state = "synced";
  while (file.later[0]?.state === "synced") {
    const note = file.later.shift()?.note as Note;
    apply(file.synced, note, 0, note.data.length);
  }
}

function doubt(file: File): void {
  for (const one of file.later) if (one.state === "pending") one.state = "doubtful";
}

function survived({ synced, later }: File, share: number, random: Random): Buffer {
  const contents = synced.copy();
  for (const { note, state } of later) {
    if (state === "synced") {
      apply(contents, note, 0, note.data.length);
      continue;
    }
    if (note.operation === "T") {
      if (random() < share) apply(contents, note, 0, 0);
      continue;
    }
    // A write may begin within a sector; what is kept or lost is the part of it in each sector.
    let from = 0;
    while (from < note.data.length) {
      const to = Math.min(note.data.length, from + SECTOR - ((note.offset + from) % SECTOR));
      if (random() < share) apply(contents, note, from, to);
      from = to;
    }
  }
  return contents.bytes();
}

function apply(contents: Contents, { operation, offset, data }: Note, from: number, to: number): void {
  if (operation === "T") contents.resize(offset);
  else contents.write(offset + from, data.subarray(from, to));
}

/** Bytes that grow as they are written; what was never written is zero. */
class Contents {
  #bytes = Buffer.alloc(0);
  #size = 0;

  write(at: number, data: Buffer): void {
    if (at + data.length > this.#size) this.resize(at + data.length);
    data.copy(this.#bytes, at);
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }

  copy(): Contents {
    const copy = new Contents();
    copy.#bytes = Buffer.from(this.#bytes);
    copy.#size = this.#size;
    return copy;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }
}
