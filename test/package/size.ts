/** How large what a browser loads is, without socket.io-client and React. Fails when a part is over its budget. */
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";

/** What each may grow to, bytes, minified and gzipped. Goals that are not met: 6,000 for the client, 1,500 for the storage; see docs/architecture.md. */
const BUDGETS = { client: 10_150, indexedDb: 1_850, react: 1_000 };

const memoryOnly: Plugin = {
  name: "memory only",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /indexed-db/ }, () => ({ path: "none", namespace: "none" }));
    onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "export const indexedDb = () => ({})" }));
  },
};

async function sizeOf(contents: string, plugins: Plugin[] = []): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ".", loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["socket.io-client", "react"],
    plugins,
    write: false,
  });
  return gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
}

const CLIENT = 'export { io, reliable } from "./src/client/index.ts"';
const client = await sizeOf(CLIENT, [memoryOnly]);
const sizes = {
  client,
  indexedDb: (await sizeOf(CLIENT)) - client,
  react: await sizeOf('export * from "./src/react/index.ts"'),
};
for (const [part, bytes] of Object.entries(sizes) as [keyof typeof BUDGETS, number][]) {
  console.log(`${part}: ${bytes} bytes gzipped; the budget is ${BUDGETS[part]}`);
  if (bytes > BUDGETS[part]) process.exitCode = 1;
}
