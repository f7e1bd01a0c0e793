import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores: more workers only make real processes wait for each other.
    maxWorkers: 2,
    setupFiles: ["test/setup.ts"],
    // Only with --coverage. The core has no branch that its own tests do not take: `npm run coverage`.
    coverage: {
      include: ["src/core/*.ts"],
      reporter: ["text"],
      thresholds: { branches: 100, functions: 100, lines: 100, statements: 100 },
    },
  },
});
