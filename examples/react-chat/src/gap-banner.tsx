/**
 * What one sees when something may have been missed.
 *
 * Rule: it says so, and offers the way back; it goes when that was taken.
 */
import type { Gap } from "gapless-io/client";
import { type ReactNode, useState } from "react";

const WHY: Record<Gap["reason"], string> = {
  retention: "you were away for longer than the log goes back",
  epoch: "the server began a new log",
  session: "the server does not know your session any more",
  unauthorized: "you may not read all of it any more",
  overflow: "the server had too much to keep",
  corrupt: "some of it cannot be read any more",
};

export function GapBanner({ gap, load }: { readonly gap: Gap; readonly load: () => Promise<void> }): ReactNode {
  const [failed, setFailed] = useState(false);
  return (
    <div className="banner" role="alert">
      <span>
        <b>You may have missed messages:</b> {WHY[gap.reason]}.{failed && " That did not work: are you connected?"}
      </span>
      <button
        type="button"
        onClick={() => {
          setFailed(false);
          load().catch(() => setFailed(true));
        }}
      >
        Load the history
      </button>
    </div>
  );
}
