/**
 * How a list of answers looks in a database.
 *
 * Rule: JSON that any tool can read; part of every format in which a log is kept.
 */
import type { AnswerList } from "./store.ts";

/** A list of answers as JSON: `[[seq, answer], ...]`. An answer in bytes is an object with the bytes in base64. */
export function encodeAnswers(list: AnswerList): string {
  if (list.every(([, answer]) => typeof answer === "string")) return JSON.stringify(list);
  return JSON.stringify(
    list.map(([seq, answer]) => [
      seq,
      typeof answer === "string" ? answer : { base64: Buffer.from(answer).toString("base64") },
    ]),
  );
}

/** Reads {@link encodeAnswers} back. */
export function decodeAnswers(text: string): AnswerList {
  const list = JSON.parse(text) as [number, string | { readonly base64: string }][];
  return list.map(([seq, answer]) => [seq, typeof answer === "string" ? answer : Buffer.from(answer.base64, "base64")]);
}
