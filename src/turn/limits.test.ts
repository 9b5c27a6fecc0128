import { expect, test } from "bun:test";
import { defaultTurnLimits, limitsWithin } from "./limits.ts";
import { defaultRelayPorts } from "./shell/options.ts";

test("the default range holds what the default limits allow, and one user, guest or address never all of it", () => {
  const [first, last] = defaultRelayPorts;
  const ports = last - first + 1;
  expect(limitsWithin(defaultTurnLimits, ports)).toEqual(defaultTurnLimits);
  const { allocations, guestAllocations, allocationsPerUser, allocationsPerAddress } = defaultTurnLimits;
  for (const part of [guestAllocations, allocationsPerUser * 3, allocationsPerAddress * 3])
    expect(part).toBeLessThan(allocations);
});

test("a smaller range has room for fewer, and its guests keep their share", () => {
  const within = limitsWithin(defaultTurnLimits, 125);
  expect(within).toEqual({ ...defaultTurnLimits, allocations: 125, guestAllocations: 62 });
});
