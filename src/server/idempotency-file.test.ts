import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keptIdempotency } from "./idempotency-file.ts";

test("every request that began is known after a restart, also the one that makes the file too long", () => {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-idempotency-"));
  const failures: Error[] = [];
  const open = () =>
    keptIdempotency(
      folder,
      () => 1,
      (error) => failures.push(error),
    );
  try {
    const first = open();
    // The file is written anew after 1,000 lines and some: a restart may come after any of them.
    for (let i = 0; i < 1_100; i++) {
      first.begin(`k${i}`, "a", 1);
      if (i > 990 && i < 1_010) expect(open().begin(`k${i}`, "a", 1)).toMatchObject({ status: 409 });
    }
    const second = open();
    for (let i = 0; i < 1_100; i++) expect(second.begin(`k${i}`, "a", 1)).toMatchObject({ status: 409 });
    expect(failures).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
