/**
 * Who one is, in a chat without a login.
 *
 * Rule: one name for each tab, which a reload keeps; `?name=Ada` says another.
 */
const NAMES = ["Ada", "Alan", "Barbara", "Edsger", "Grace", "Hedy", "Ken", "Leslie", "Margaret", "Radia"];
const KEY = "name";

const given = new URLSearchParams(location.search).get(KEY)?.slice(0, 20);

export const me: string =
  given || sessionStorage.getItem(KEY) || (NAMES[Math.floor(Math.random() * NAMES.length)] as string);

sessionStorage.setItem(KEY, me);
