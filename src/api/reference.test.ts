import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { ApiContext } from "./context.ts";
import { allOperations } from "./operations/all.ts";
import { apiReference } from "./reference.ts";

test("docs/api.md holds every operation, and the table of scopes", () => {
  const text = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
  // What operations work on does not show in their reference.
  const reference = apiReference(allOperations({} as ApiContext));
  for (const table of reference.values()) expect(text, "run `npm run docs`").toContain(table);
});
