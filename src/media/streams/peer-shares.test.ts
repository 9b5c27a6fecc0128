import { expect, test } from "bun:test";
import { PeerShares } from "./peer-shares.ts";

const who = (user: string, address?: string) => ({
  ...{ user, grants: {}, expires: 0 },
  ...(address === undefined ? {} : { address }),
});

test("a user and an address have a share each, and get it back", () => {
  const shares = new PeerShares({ peersPerUser: 2, peersPerAddress: 3 });
  const alice = who("alice", "192.0.2.1");
  for (const _ of [1, 2]) {
    expect(shares.full(alice)).toBe(false);
    shares.entered(alice);
  }
  expect(shares.full(alice)).toBe(true);
  // From elsewhere she is the same user.
  expect(shares.full(who("alice", "192.0.2.2"))).toBe(true);
  shares.entered(who("bob", "192.0.2.1"));
  expect(shares.full(who("carol", "192.0.2.1"))).toBe(true);
  expect(shares.full(who("carol", "192.0.2.2"))).toBe(false);
  expect(shares.full(who("carol"))).toBe(false);
  shares.left(alice);
  expect(shares.full(alice)).toBe(false);
});
