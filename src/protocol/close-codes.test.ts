import { describe, expect, test } from "bun:test";
import { closeAction, closeCodes } from "./close-codes.ts";

describe("close codes", () => {
  test("each number is used once", () => {
    const numbers = Object.values(closeCodes).map(({ code }) => code);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test("each is one of WebSocket's own two or in one of the three ranges", () => {
    for (const { code } of Object.values(closeCodes))
      expect(code === 1000 || code === 1001 || (code >= 4100 && code < 4400)).toBe(true);
  });

  test("the range says what the client does", () => {
    expect(closeAction(closeCodes.slow.code)).toBe("resume");
    expect(closeAction(closeCodes.drain.code)).toBe("resume");
    expect(closeAction(closeCodes.protocolError.code)).toBe("reconnect");
    expect(closeAction(closeCodes.overloaded.code)).toBe("reconnect");
    expect(closeAction(closeCodes.replaced.code)).toBe("stop");
    expect(closeAction(closeCodes.kicked.code)).toBe("stop");
  });

  test("codes that are not ours resume, and the ranges end where they say", () => {
    for (const code of [1001, 1005, 1006, 1011, 3000, 4099, 4100, 4199, 4400])
      expect(closeAction(code)).toBe("resume");
    for (const code of [4200, 4299]) expect(closeAction(code)).toBe("reconnect");
    for (const code of [4300, 4399]) expect(closeAction(code)).toBe("stop");
  });

  test("each text fits a close frame's reason", () => {
    for (const { text } of Object.values(closeCodes))
      expect(new TextEncoder().encode(text).length).toBeLessThan(124);
  });
});
