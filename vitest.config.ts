import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores: more workers only make real processes wait for each other.
    maxWorkers: 2,
    setupFiles: ["test/setup.ts"],
    coverage: { include: ["src/core/**"], exclude: ["src/core/tsconfig.json"] },
  },
});
