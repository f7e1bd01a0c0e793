/** Seeded bugs of what is of browsers only. See mutant.ts. */
import type { Mutant } from "./mutant.ts";

/** One that tests in a browser catch. */
export interface BrowserMutant extends Mutant {
  /** The suite, in `test/browser`. */
  readonly suite: string;
}

/** In `src/client`. */
export const BROWSER: readonly BrowserMutant[] = [
  {
    name: "nobody asks whose session it is when it is saved",
    file: "client/indexed-db.ts",
    find: "          lost = present !== holder;",
    replace: "          lost = present === undefined;",
    suite: "storage",
  },
  {
    name: "what was not saved is not kept when the page goes away",
    file: "client/indexed-db.ts",
    find: "      words(held.name, JSON.stringify(",
    replace: '      words("elsewhere", JSON.stringify(',
    suite: "reload",
  },
  {
    name: "last words count though another page was there since",
    file: "client/indexed-db.ts",
    find: "          if (last && last.holder === former) {",
    replace: "          if (last) {",
    suite: "storage",
  },
  {
    name: "a database that was closed is not opened again",
    file: "client/database.ts",
    find: "        .catch(() => {\n          close();\n          return once(durability, work);\n        })\n",
    replace: "",
    suite: "storage",
  },
  {
    name: "what could not be written is forgotten",
    file: "client/indexed-db.ts",
    find: "    } catch (error) {\n      say(error);\n    }\n    if (!lost) return;",
    replace: "    } catch (error) {\n      changes.clear();\n      say(error);\n    }\n    if (!lost) return;",
    suite: "storage",
  },
  {
    name: "numbers are used twice after a storage has failed",
    file: "client/outbox.ts",
    find: "      const unknown = serverReceived - everSent;",
    replace: "      const unknown = Math.min(serverReceived - everSent, 0);",
    suite: "storage",
  },
  {
    name: "a tab does not remember its session",
    file: "client/indexed-db.ts",
    find: "        const own = tab();",
    replace: "        const own = undefined;",
    suite: "tabs",
  },
  {
    name: "everybody gets the lock",
    file: "client/holding.ts",
    find: "(lock) => lock && new Promise",
    replace: "() => new Promise",
    suite: "tabs",
  },
  {
    name: "a page does not say that it lives",
    file: "client/holding.ts",
    find: "    mine = true;\n",
    replace: "",
    suite: "tabs",
  },
  {
    name: "a new tab takes up nothing",
    file: "client/indexed-db.ts",
    find: "(await abandoned()) || (await fresh());",
    replace: "(await fresh());",
    suite: "tabs",
  },
  {
    name: "nobody delivers for closed tabs",
    file: "client/courier.ts",
    find: '  link.delivery.on("state", look);',
    replace: "",
    suite: "tabs",
  },
  {
    name: "it is delivered for a closed tab as somebody else",
    file: "client/indexed-db.ts",
    find: "      return place && { ...place, messages };",
    replace: "      return place && { ...place, session: adopted ? undefined : place.session, messages };",
    suite: "tabs",
  },
  {
    name: "a page that is online again waits for its turn",
    file: "client/page.ts",
    find: '  on(window, "online", wake);\n',
    replace: "",
    suite: "network",
  },
  {
    name: "a page that is hidden acknowledges when it likes",
    file: "client/page.ts",
    find: "document.hidden ? hide() : wake()",
    replace: "document.hidden || wake()",
    suite: "life",
  },
  {
    name: "a page that is shown again believes its connection",
    file: "client/page.ts",
    find: "(answer) => answer || engine?.close()",
    replace: "() => {}",
    suite: "life",
  },
  {
    name: "what is stored is called so before it is",
    file: "client/link.ts",
    find: "        place = next.place;\n",
    replace: "        place = next.place;\n        outbox.stored(place.nextSeq);\n",
    suite: "reload",
  },
];
