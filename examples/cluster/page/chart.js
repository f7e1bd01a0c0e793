/**
 * A strip that shows what arrived at a client in the last minute.
 *
 * Rule: what came in one burst stays readable beside a steady rate: heights are square roots.
 */

/** Each bar's time. */
export const BAR_MS = 500;
const BARS = 120;

export class Chart {
  #canvas;
  #bars = [];
  #arrived = 0;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** The next bar. @param arrived How many have arrived up to now. @param away Whether it was without a connection meanwhile. */
  add(arrived, away) {
    this.#bars.push({ count: arrived - this.#arrived, away });
    this.#arrived = arrived;
    if (this.#bars.length > BARS) this.#bars.shift();
    this.#draw();
  }

  #draw() {
    const { clientWidth, clientHeight } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = clientWidth * scale;
    this.#canvas.height = clientHeight * scale;
    const context = this.#canvas.getContext("2d");
    const { color, outlineColor } = getComputedStyle(this.#canvas);
    context.scale(scale, scale);
    const width = clientWidth / BARS;
    // Neither a moment of calm nor a burst changes what a bar means.
    const unit = clientHeight / Math.sqrt(500);
    for (const [i, { count, away }] of this.#bars.entries()) {
      const x = (BARS - this.#bars.length + i) * width;
      if (away) {
        context.globalAlpha = 0.35;
        context.fillStyle = outlineColor;
        context.fillRect(x, 0, width, clientHeight);
        context.globalAlpha = 1;
      }
      context.fillStyle = color;
      const height = Math.min(clientHeight, Math.sqrt(count) * unit);
      context.fillRect(x, clientHeight - height, width - 0.6, height);
    }
  }
}
