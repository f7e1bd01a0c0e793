/**
 * What became of a message, as a small mark.
 *
 * Rule: each status has a form of its own, not only a colour, and says its word to who points at it or listens.
 */
import type { MessageStatus } from "gapless-io/client";
import type { ReactNode } from "react";

export const MARKS: Record<MessageStatus, readonly [sign: string, meaning: string]> = {
  pending: ["○", "not sent yet"],
  stored: ["◉", "not sent yet, kept by the browser"],
  sent: ["✓", "sent"],
  acked: ["✓✓", "in the log, so everybody gets it"],
  failed: ["✕", "refused"],
  expired: ["✕", "waited for too long"],
};

export function StatusMark({ status }: { readonly status: MessageStatus }): ReactNode {
  const [sign, meaning] = MARKS[status];
  return (
    <span className="mark" data-status={status} role="img" title={`${status}: ${meaning}`} aria-label={status}>
      {sign}
    </span>
  );
}
