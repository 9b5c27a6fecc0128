import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pair } from "./support/pair.ts";

describe("a client and a server of ours", () => {
  for (const [client, server] of [
    [
      [7, 1],
      [7, 8, 1],
    ],
    [[1], [7, 8, 1]],
    [[8], [7, 8, 1]],
    [
      [1, 7],
      [7, 1],
    ],
  ] as const)
    test(`agree on keys; offered ${client}, taken ${server}`, () => {
      const pair = new Pair({ client: { srtpProfiles: client }, server: { srtpProfiles: server } }).run(20);
      assert.ok(pair.agreed);
      assert.equal(
        pair.server.established?.profile,
        server.find((one) => (client as readonly number[]).includes(one)),
      );
      assert.deepEqual(pair.count, { client: 2, server: 2 });
    });
});
