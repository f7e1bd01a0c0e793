/**
 * Real frames of both sides, and an opinion of its own about which are well-formed.
 *
 * Rule: the opinion is written from docs/protocol.md and shares nothing with the parsers that it is held against.
 */

/** A frame, or the payload of a CONNECT. */
export interface Sample {
  readonly from: "server" | "client" | "hello";
  readonly value: unknown;
}

const ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const EPOCH = "01BX5ZZKBKACTAV9WEVGEMMVRZ";
const BASE = 2 ** 32;

/** One of each kind and shape, as they travel; `bytes` are attachments. */
export function samples(): Sample[] {
  const hello = {
    v: 1,
    session: "NTQzMjEwOTg3NjU0MzIxMA",
    token: "3.q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k",
    epoch: EPOCH,
  };
  return [
    { from: "hello", value: { v: 1, floor: 0 } },
    { from: "hello", value: { ...hello, offset: BASE + 10, last: [BASE + 10, ID], floor: 7 } },
    {
      from: "client",
      value: ["m", 3, [[4, ID, 1, ["order", { pizza: "quattro", slices: [1, 2.5] }, null, true]], [5]]],
    },
    { from: "client", value: ["m", 0, [[1, ID, 0, ["photo", Buffer.from([1, 2, 3]), "é↯😀"]]]] },
    {
      from: "client",
      value: ["m", 7, [[8, ID, 0, ["$g", "d", { offset: BASE + 1, attempts: 5, reason: "Error: no" }]]]],
    },
    { from: "client", value: ["m", 9, Array.from({ length: 6 }, (_, i) => [10 + i, ID, i % 2, ["tick", i]])] },
    { from: "client", value: ["a", 0, 0] },
    { from: "client", value: ["a", 17, BASE + 12] },
    { from: "client", value: ["r", 16] },
    { from: "client", value: ["h", { room: "r1", limit: 50 }] },
    { from: "client", value: ["h", { room: "r1", limit: 1, before: BASE + 12 }] },
    {
      from: "server",
      value: [
        0,
        "w",
        {
          ...hello,
          offset: BASE + 3,
          resumed: true,
          received: 7,
          gaps: [{ from: BASE + 1, to: BASE + 3, reason: "retention", room: "r1" }],
          window: 512,
          payloadBytes: 1e6,
        },
      ],
    },
    {
      from: "server",
      value: [
        4,
        "b",
        BASE + 20,
        [
          [BASE + 15, ID, ["news", "x", { y: [1] }]],
          [BASE + 17, ID, ["more"]],
        ],
      ],
    },
    {
      from: "server",
      value: [5, "b", BASE + 40, Array.from({ length: 6 }, (_, i) => [BASE + 21 + i, ID, ["tick", i, [i]]])],
    },
    { from: "server", value: [6, "b", BASE + 41, [[BASE + 41, ID, ["photo", Buffer.from([4, 5, 6])]]]] },
    { from: "server", value: [7, "g", { from: BASE + 41, to: BASE + 50, reason: "corrupt" }] },
    {
      from: "server",
      value: [
        8,
        "a",
        12,
        9,
        [11, 12],
        [
          [9, ["ok", { id: 1 }]],
          [11, null, "DEAD_LETTER"],
        ],
      ],
    },
    { from: "server", value: [9, "s", BASE + 41] },
    { from: "server", value: [10, "x", "SUPERSEDED"] },
  ];
}

const whole = (value: unknown): value is number =>
  typeof value === "number" && Math.floor(value) === value && value >= 0 && value <= 9_007_199_254_740_991;
const text = (value: unknown, most = Number.POSITIVE_INFINITY): boolean =>
  typeof value === "string" && value.length <= most;
const list = (value: unknown, each: (item: unknown, i: number) => boolean): boolean => {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (!each(value[i], i)) return false;
  return true;
};
const event = (value: unknown): boolean => Array.isArray(value) && text(value[0]);
type Fields = Record<string, unknown>;
const fields = (value: unknown): value is Fields => typeof value === "object" && value !== null;

/** Whether a client may say this. */
export function isClientFrame(raw: readonly unknown[]): boolean {
  const [type, a, b] = raw;
  switch (type) {
    case "m":
      return (
        raw.length === 3 &&
        whole(a) &&
        list(b, (message) => {
          if (!Array.isArray(message) || !whole(message[0]) || message[0] === 0) return false;
          if (message.length === 1) return true;
          return (
            message.length === 4 && text(message[1], 200) && (message[2] === 0 || message[2] === 1) && event(message[3])
          );
        })
      );
    case "a":
      return raw.length === 3 && whole(a) && whole(b);
    case "r":
      return raw.length === 2 && whole(a);
    case "h":
      return (
        raw.length === 2 &&
        fields(a) &&
        text(a.room, 1_000) &&
        whole(a.limit) &&
        a.limit > 0 &&
        a.limit <= 1_000 &&
        (a.before === undefined || whole(a.before))
      );
    default:
      return false;
  }
}

/** Whether this can be what a client says first. */
export function isHello(raw: unknown): boolean {
  if (!fields(raw)) return false;
  const { v, session, token, epoch, offset, last, floor } = raw;
  return (
    v === 1 &&
    [session, token, epoch].every((one) => one === undefined || text(one, 200)) &&
    (offset === undefined || whole(offset)) &&
    (last === undefined || (Array.isArray(last) && last.length === 2 && whole(last[0]) && text(last[1], 200))) &&
    whole(floor)
  );
}

const gap = (value: unknown): boolean => fields(value) && whole(value.from) && whole(value.to) && text(value.reason);

/** Whether a server may say this. More than is asked for may be there: a later version may add to it. */
export function isServerFrame(raw: readonly unknown[]): boolean {
  const [number, type, a, b, c, d] = raw;
  if (!whole(number)) return false;
  switch (type) {
    case "w":
      return (
        number === 0 &&
        fields(a) &&
        a.v === 1 &&
        [a.offset, a.received, a.window, a.payloadBytes].every(whole) &&
        [a.session, a.token, a.epoch].every((one) => text(one)) &&
        list(a.gaps, gap)
      );
    case "b": {
      let before = -1;
      return (
        whole(a) &&
        list(b, (entry) => {
          if (!Array.isArray(entry) || !whole(entry[0]) || entry[0] <= before || entry[0] > a) return false;
          before = entry[0];
          return text(entry[1]) && event(entry[2]);
        })
      );
    }
    case "g":
      return gap(a);
    case "a":
      return (
        whole(a) &&
        whole(b) &&
        list(c, whole) &&
        list(
          d,
          (answer) =>
            Array.isArray(answer) &&
            whole(answer[0]) &&
            (Array.isArray(answer[1]) || (answer[1] === null && text(answer[2]))),
        )
      );
    case "s":
      return whole(a);
    case "x":
      return text(a);
    default:
      return false;
  }
}
