/** A parser in the place of Socket.IO's: plain JSON, no attachments. */

type Listener = (packet: object) => void;

export class Encoder {
  encode(packet: object): string[] {
    return [JSON.stringify(packet)];
  }
}

/** As much of an emitter as Socket.IO asks of a decoder. */
export class Decoder {
  #listeners: Listener[] = [];

  on(_event: "decoded", listener: Listener): void {
    this.#listeners.push(listener);
  }

  once(event: "decoded", listener: Listener): void {
    this.on(event, listener);
  }

  off(_event?: "decoded", listener?: Listener): void {
    this.#listeners = listener ? this.#listeners.filter((each) => each !== listener) : [];
  }

  removeListener(event: "decoded", listener: Listener): void {
    this.off(event, listener);
  }

  emitReserved(_event: "decoded", packet: object): void {
    for (const listener of this.#listeners) listener(packet);
  }

  add(text: string): void {
    this.emitReserved("decoded", JSON.parse(text));
  }

  destroy(): void {}
}

export const protocol = 5;
