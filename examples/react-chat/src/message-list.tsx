/**
 * The messages.
 *
 * Rule: one's own are on the right, with their mark; the end is in sight whenever something is added.
 */
import { type CSSProperties, type ReactNode, useEffect, useRef } from "react";
import type { Line } from "./lines.ts";
import { me } from "./me.ts";
import { StatusMark } from "./status-mark.tsx";

export function MessageList({ lines }: { readonly lines: readonly Line[] }): ReactNode {
  const list = useRef<HTMLOListElement>(null);
  const last = lines.at(-1)?.key;
  // Also when the keyboard of a phone, or the banner, makes it smaller.
  useEffect(() => {
    const { current } = list;
    if (!current || !last) return;
    const sizes = new ResizeObserver(() => current.scrollTo({ top: current.scrollHeight }));
    sizes.observe(current);
    return () => sizes.disconnect();
  }, [last]);

  return (
    <ol className="messages" ref={list}>
      {lines.length === 0 && <li className="nothing">Nobody has said anything yet.</li>}
      {lines.map((line, index) => (
        <Bubble
          key={line.key}
          line={line}
          follows={lines[index - 1]?.from === line.from}
          ends={lines[index + 1]?.from !== line.from}
        />
      ))}
    </ol>
  );
}

/** @param follows The one before is by the same person. @param ends The one after is not. */
function Bubble({
  line,
  follows,
  ends,
}: {
  readonly line: Line;
  readonly follows: boolean;
  readonly ends: boolean;
}): ReactNode {
  const { from, text, at, status } = line;
  const mine = from === me;
  return (
    <li className={`message${mine ? " mine" : ""}${follows ? " follows" : ""}`} data-status={status}>
      {!mine && (
        <i className="avatar" style={{ "--hue": hue(from) } as CSSProperties} aria-hidden>
          {ends && from[0]}
        </i>
      )}
      <div className="bubble">
        {!mine && !follows && <b>{from}</b>}
        <p>{text}</p>
        <small>
          <time dateTime={new Date(at).toISOString()}>
            {new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}
          </time>
          {mine && <StatusMark status={status} />}
        </small>
      </div>
    </li>
  );
}

/** The same colour for the same name, everywhere. */
function hue(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7);
}
