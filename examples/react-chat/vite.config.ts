/**
 * How Vite serves and builds the page.
 *
 * Rule: the page is written as a user would write it; what is special about this repository is here.
 */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import type { UserConfigFnObject } from "vite";

/** From here, whatever the root is. */
const path = (to: string) => fileURLToPath(new URL(to, import.meta.url));

const config: UserConfigFnObject = ({ command }) => ({
  plugins: [react()],
  resolve: {
    // The package's source instead of what is installed or was built last. An application that has installed it has no such lines.
    alias: {
      "gapless-io/client": path("../../src/client/index.ts"),
      "gapless-io/react": path("../../src/react/index.ts"),
    },
  },
  // Found while the page is running, it would load the page again.
  optimizeDeps: { include: ["socket.io-client"] },
  server: {
    fs: { allow: [path("../..")] },
    watch: { ignored: ["**/*.db*", "**/*.test.ts"] },
  },
  ...(command === "build" && { build: { rolldownOptions: { input: ["index.html", "effect.html"] } } }),
});

// biome-ignore lint/style/noDefaultExport: Vite wants one.
export default config;
