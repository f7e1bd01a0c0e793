/**
 * Telling a client where its messages stand, and what they were answered.
 *
 * Rule: an answer travels as the text that it was stored as; only what is no JSON is left to Socket.IO to encode.
 */
import type { WireAnswer } from "../core/wire.ts";
import type { KeptAnswer } from "./answers.ts";
import type { Codec, Encoded } from "./codec.ts";
import type { EncodedFrame } from "./encoded.ts";

/** Where a client's messages stand. */
export interface InboxReport {
  readonly received: number;
  readonly settled: number;
  readonly above: readonly number[];
}

/** A stored answer that begins with this stands for an error code. JSON text never does. */
const CODE_MARK = "!";

/** What is kept in place of an answer, when the caller gets an error. */
export function codeAnswer(code: string): Encoded {
  return CODE_MARK + code;
}

/** The report as a frame, but for its number; `undefined` when Socket.IO has to encode it. */
export function encodedReport(report: InboxReport, answers: readonly KeptAnswer[]): EncodedFrame | undefined {
  let list = "";
  for (const { seq, answer } of answers) {
    if (typeof answer !== "string") return undefined;
    const text = answer.startsWith(CODE_MARK) ? `null,"${answer.slice(CODE_MARK.length)}"` : answer;
    list += `${list === "" ? "" : ","}[${seq},${text}]`;
  }
  return { text: `,"a",${report.received},${report.settled},[${report.above}],[${list}]]` };
}

/** Answers as they travel. */
export function wireAnswers(answers: readonly KeptAnswer[], codec: Codec): WireAnswer[] {
  return answers.map(({ seq, answer }) =>
    typeof answer === "string" && answer.startsWith(CODE_MARK)
      ? [seq, null, answer.slice(CODE_MARK.length)]
      : [seq, codec.decode(answer)],
  );
}
