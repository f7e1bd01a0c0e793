/**
 * Where one writes.
 *
 * Rule: it is never disabled: what is written offline waits in the outbox.
 */
import { type ReactNode, useState } from "react";

export function Composer({ say }: { readonly say: (text: string) => void }): ReactNode {
  const [text, setText] = useState("");
  const send = (): void => {
    if (text.trim() === "") return;
    say(text.trim());
    setText("");
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <input
        aria-label="Message"
        placeholder="Write something, offline too"
        value={text}
        onChange={(event) => setText(event.target.value)}
        autoComplete="off"
      />
      <button type="submit" disabled={text.trim() === ""}>
        Send
      </button>
    </form>
  );
}
