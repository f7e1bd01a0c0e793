/**
 * Frames that are encoded here and not by Socket.IO.
 *
 * Rule: a frame's number is all that differs between those who are sent the same; the rest is encoded once, and whoever is sent it
 * under the same number as the one before is sent the same bytes.
 */

/** A frame but for its number. */
export interface EncodedFrame {
  /** What follows the number, as JSON text. */
  readonly text: string;
  /** The text's bytes, when somebody needed them. */
  bytes?: Buffer;
  /** The WebSocket frame that was made last, and for what. */
  last?: { readonly head: string; readonly number: number; readonly frame: readonly Buffer[] };
}

/** Larger texts are not copied for each number: header and text are written as two buffers, in one system call that costs more. */
const COPIED_BYTES = 16_384;

/** The unmasked WebSocket text frame of a frame with this number, as one or two buffers. @param head What comes before the number. */
export function webSocketFrame(head: string, number: number, encoded: EncodedFrame): readonly Buffer[] {
  const { last } = encoded;
  if (last && last.number === number && last.head === head) return last.frame;
  encoded.bytes ??= Buffer.from(encoded.text);
  const { bytes } = encoded;
  const start = head + number;
  const frame =
    bytes.length > COPIED_BYTES
      ? [opening(start, bytes.length), bytes]
      : [Buffer.concat([opening(start, bytes.length), bytes])];
  encoded.last = { head, number, frame };
  return frame;
}

/** The frame's header and its first text. @param restBytes How many bytes follow. */
function opening(start: string, restBytes: number): Buffer {
  const startBytes = Buffer.byteLength(start);
  const length = startBytes + restBytes;
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const buffer = Buffer.allocUnsafe(headerBytes + startBytes);
  // The last frame of a message, of text.
  buffer[0] = 0x81;
  if (headerBytes === 2) buffer[1] = length;
  else if (headerBytes === 4) {
    buffer[1] = 126;
    buffer.writeUInt16BE(length, 2);
  } else {
    buffer[1] = 127;
    buffer.writeUInt32BE(0, 2);
    buffer.writeUInt32BE(length, 6);
  }
  buffer.write(start, headerBytes);
  return buffer;
}
