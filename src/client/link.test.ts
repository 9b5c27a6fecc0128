import { describe, expect, test } from "bun:test";
import type { Welcome } from "../protocol/handshake.ts";
import { Link } from "./link.ts";
import type { Json, LinkEvents, LinkShell, Outgoing, Refusal } from "./link-shell.ts";

/** A link, what it did, and a clock. */
function setup({ renewable = true, random = 0.5 } = {}) {
  const done: string[] = [];
  const sent: Json[] = [];
  const shell: LinkShell & LinkEvents = {
    needToken: () => done.push("token"),
    open: (attempt, http, url) => done.push(`open ${attempt}${http ? " http" : ""}${url ? ` ${url}` : ""}`),
    send: (frame) => sent.push(frame),
    shut: (code) => done.push(`shut ${code}`),
    renew: () => done.push("renew"),
    entered: (state) => done.push(state),
    welcome: (welcome) => done.push(welcome.resumed ? "resumed" : "welcome"),
    push: (push) => done.push(`push ${push.type}`),
    stopped: (code, reason) => done.push(`stopped ${code} ${reason}`.trim()),
  };
  const link = new Link(shell, shell, "instance", renewable, () => random);
  let attempt = 0;
  let seq = 0;
  const party = {
    link,
    now: 0,
    /** What happened since the last look. */
    took: () => [done.splice(0), sent.splice(0)] as const,
    frame: (frame: Json) => link.frame(attempt, frame, party.now),
    close: (code: number, reason = "") => link.closed(attempt, code, reason, party.now),
    counted: (frame: Json) => party.frame({ seq: ++seq, ...frame }),
    welcome: (more: Partial<Welcome> = {}) => {
      if (!more.resumed) seq = 0;
      party.frame({ ...welcome, ...more });
    },
    /** From `token` on to the server's answer. */
    dial: () => {
      link.token(true, party.now);
      attempt++;
      link.opened(attempt, { token: "t" }, party.now);
    },
    live: (more?: Partial<Welcome>) => {
      link.connect();
      party.dial();
      party.welcome(more);
      party.took();
    },
    /** Lets time pass to the next deadline; answers by how much. */
    wait: () => {
      const wait = link.nextDeadline - party.now;
      party.now = link.nextDeadline;
      link.tick(party.now);
      return wait;
    },
  };
  return party;
}

test("a request that is larger than a frame may be fails at once, and those behind it go on", () => {
  const party = setup();
  party.live({ limits: { requestsInFlight: 3, frameBytes: 60 } });
  const large = Array.from({ length: 4 }, () => {
    const one = request("call", true);
    return Object.assign(one, { body: { ...one.body, data: "é".repeat(20) } });
  });
  const behind = request("status", true);
  for (const one of [...large, behind]) party.link.request(one);
  expect(large.map(({ outcome }) => outcome)).toEqual(Array(4).fill(["too_large"]));
  expect(party.took()[1]).toEqual([{ id: 1, type: "status" }]);
  party.counted({ re: 1, ok: {} });
  expect(behind.outcome).toEqual(["{}"]);
});

const welcome: Welcome = {
  type: "welcome",
  resumed: false,
  link: "l",
  secret: "s1",
  home: "n",
  got: 0,
  user: "alice",
  device: "phone",
  expires: 1e9,
  iceServers: [],
  limits: { requestsInFlight: 3, silence: 30_000 },
  features: [],
};

interface Asked extends Outgoing {
  outcome: string[];
}

function request(type: string, repeat = false): Asked {
  const outcome: string[] = [];
  return {
    body: { type },
    repeat,
    outcome,
    settle: (ok?: Json, error?: Refusal) => outcome.push(error ? error.code : JSON.stringify(ok)),
  };
}

describe("hello and welcome", () => {
  test("token first, then the transport, then hello; what was asked before goes out in order", () => {
    const party = setup();
    party.link.request(request("send"));
    party.link.connect();
    expect(party.took()).toEqual([["shut 4100", "token"], []]);
    party.dial();
    expect(party.took()).toEqual([
      ["open 1"],
      [{ type: "hello", token: "t", instance: "instance", attempt: 1 }],
    ]);
    party.link.request(request("watch"));
    party.welcome();
    expect(party.took()).toEqual([
      ["welcome", "online"],
      [
        { id: 1, type: "send" },
        { id: 2, type: "watch" },
      ],
    ]);
  });

  test("no token, no answer in 5 s, no welcome in 10 s: later again, with full jitter under 0.3, 1, 2, 4, 8, 8 s", () => {
    const party = setup({ random: 1 });
    party.link.connect();
    party.link.token(false, 0);
    expect(party.link.retryAt).toBe(300);
    expect(party.wait()).toBe(300);
    party.link.token(true, party.now);
    expect(party.wait()).toBe(5_000);
    expect(party.wait()).toBe(1_000);
    party.link.token(true, party.now);
    party.link.opened(3, { token: "t" }, party.now);
    expect(party.wait()).toBe(10_000);
    const waits = [];
    for (let n = 0; n < 4; n++) {
      waits.push(party.wait());
      party.link.token(false, party.now);
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 8_000]);
  });

  test("no WebSocket twice: HTTP; when that fails too, or can't be loaded, WebSocket again", () => {
    // Firefox keeps the failure of an import: what could not be loaded while the server was away never will be.
    for (const loads of [true, false]) {
      const party = setup();
      party.link.connect();
      const dials: string[] = [];
      for (let n = 0; n < 5; n++) {
        party.link.token(true, party.now);
        dials.push(party.took()[0].find((what) => what.startsWith("open")) ?? "");
        if (loads && dials.at(-1)?.endsWith("http")) party.link.opened(n + 1, { token: "t" }, party.now);
        party.link.closed(n + 1, 1006, "", party.now);
        party.wait();
      }
      expect(dials).toEqual(["open 1", "open 2", "open 3 http", "open 4", "open 5"]);
    }
  });

  test("once it was online over HTTP, it tries a WebSocket first, once: the server may just have been away", () => {
    const party = setup();
    party.link.connect();
    const dials: string[] = [];
    for (let n = 1; n < 6; n++) {
      party.link.token(true, party.now);
      const dial = party.took()[0].find((what) => what.startsWith("open")) ?? "";
      dials.push(dial);
      if (dial.endsWith("http")) {
        party.link.opened(n, { token: "t" }, party.now);
        party.link.frame(n, { ...welcome }, party.now);
      }
      party.link.closed(n, 1006, "", party.now);
      party.wait();
    }
    expect(dials).toEqual(["open 1", "open 2", "open 3 http", "open 4", "open 5 http"]);
  });
});

describe("a live link", () => {
  test("counts: delivers each frame once, drops doubles, comes back on a gap", () => {
    const party = setup();
    party.live();
    party.frame({ seq: 1, type: "presence" });
    party.frame({ seq: 1, type: "presence" });
    expect(party.took()[0]).toEqual(["push presence"]);
    party.frame({ seq: 3, type: "message" });
    expect(party.took()[0]).toEqual(["shut 4100", "reconnecting"]);
    party.frame({ seq: 2, type: "message" });
    expect(party.took()[0]).toEqual([]);
  });

  test("acknowledges every 16 frames, or a second after the first", () => {
    const party = setup();
    party.live();
    for (let n = 0; n < 17; n++) party.counted({ type: "message" });
    expect(party.took()[1]).toEqual([{ type: "ack", seq: 16 }]);
    expect(party.wait()).toBe(1_000);
    expect(party.took()[1]).toEqual([{ type: "ack", seq: 17 }]);
  });

  test("answers a ping; 30 s of silence end it; waking asks, and waits 2 s", () => {
    const party = setup();
    party.live();
    party.now = 20_000;
    party.frame({ type: "ping" });
    expect(party.took()[1]).toEqual([{ type: "pong" }]);
    expect(party.wait()).toBe(30_000);
    expect(party.took()[0]).toEqual(["shut 4100", "reconnecting"]);
    party.wait();
    party.dial();
    party.welcome({ resumed: true });
    party.took();
    party.link.wake(party.now);
    expect(party.took()[1]).toEqual([{ type: "ping" }]);
    party.frame({ type: "pong" });
    expect(party.link.nextDeadline - party.now).toBe(30_000);
    party.link.wake(party.now);
    expect(party.wait()).toBe(2_000);
    expect(party.took()[0]).toEqual(["shut 4100", "reconnecting"]);
    party.link.wake(party.now);
    expect(party.took()[0]).toEqual(["shut 4100", "token"]);
  });

  test("holds back what is over the server's window; silent ones are not in it", () => {
    const party = setup();
    party.live();
    const all = ["call", "signal", "send", "signal", "send", "send", "signal"].map((type) => request(type));
    for (const one of all) party.link.request(one);
    expect(party.took()[1].map(({ type }) => type)).toEqual(["call", "signal", "send", "signal", "send"]);
    party.counted({ re: 3, ok: { delivered: 1 } });
    expect(all[2]?.outcome).toEqual(['{"delivered":1}']);
    expect(party.took()[1]).toEqual([
      { id: 6, type: "send" },
      { id: 7, type: "signal" },
    ]);
    party.counted({ re: 1, error: { code: "forbidden", message: "", temporary: false } });
    expect(all[0]?.outcome).toEqual(["forbidden"]);
    party.counted({ re: 1, ok: {} });
    expect(all[0]?.outcome).toEqual(["forbidden"]);
  });

  test("a request that nobody waits for any more is not sent, if it was not yet", () => {
    const party = setup();
    const one = request("send");
    party.link.request(one);
    party.link.forget(one);
    party.live();
    party.link.request(request("send"));
    expect(party.took()[1]).toEqual([{ id: 1, type: "send" }]);
  });

  test("renews the token at 80 % of its life, and tries again 5 s after a failure", () => {
    const party = setup();
    party.live({ expires: 10_000 });
    expect(party.wait()).toBe(8_000);
    expect(party.took()[0]).toEqual(["renew"]);
    party.link.renewed(undefined, party.now);
    expect(party.wait()).toBe(5_000);
    party.link.renewed(20_000, party.now);
    expect(party.wait()).toBe(16_000);
    const fixed = setup({ renewable: false });
    fixed.live({ expires: 10_000 });
    expect(fixed.link.nextDeadline).toBe(30_000);
  });
});

describe("loss", () => {
  test("resume: the same ids again after `got`, nothing that was acknowledged", () => {
    const party = setup();
    party.live();
    for (const type of ["call", "signal", "signal", "send"]) party.link.request(request(type));
    party.counted({ type: "message" });
    party.frame({ type: "ack", id: 2 });
    party.took();
    party.close(1006);
    expect(party.took()[0]).toEqual(["reconnecting"]);
    expect(party.wait()).toBe(150);
    party.dial();
    expect(party.took()[1]).toMatchObject([
      { type: "hello", attempt: 2, resume: { link: "l", secret: "s1", home: "n", seq: 1 } },
    ]);
    party.welcome({ resumed: true, secret: "s2", got: 3 });
    expect(party.took()).toEqual([["resumed", "online"], [{ id: 4, type: "send" }]]);
  });

  test("a new link: what may be asked twice is, silent ones are dropped, the rest has an unknown outcome", () => {
    const party = setup();
    party.live();
    const [call, signal, send] = [request("call", true), request("signal", true), request("send")];
    for (const one of [call, signal, send]) party.link.request(one);
    party.counted({ type: "message" });
    party.close(1006);
    const later = request("send");
    party.link.request(later);
    party.wait();
    party.dial();
    party.took();
    party.welcome({ link: "l2" });
    expect(party.took()).toEqual([
      ["welcome", "online"],
      [
        { id: 1, type: "call" },
        { id: 2, type: "send" },
      ],
    ]);
    expect([call, signal, send, later].map(({ outcome }) => outcome)).toEqual([
      [],
      [],
      ["outcome_unknown"],
      [],
    ]);
    party.frame({ seq: 1, type: "message" });
    expect(party.took()[0]).toEqual(["push message"]);
  });

  test("close codes: 41xx resume, 42xx start anew, 43xx stop; an expired token stops only who has no other", () => {
    const hello = (code: number, renewable = true) => {
      const party = setup({ renewable });
      party.live();
      party.close(code, "why");
      if (party.link.nextDeadline === Number.POSITIVE_INFINITY) return party.took()[0];
      party.wait();
      party.dial();
      return party.took()[1].map(({ resume }) => (resume ? "resume" : "anew"));
    };
    expect([1006, 1001, 4101, 4103, 4104, 4102].map((code) => hello(code))).toEqual(
      Array(6).fill(["resume"]),
    );
    expect([4200, 4203].map((code) => hello(code))).toEqual(Array(2).fill(["anew"]));
    expect([4300, 4301, 4305].map((code) => hello(code))).toEqual(
      [4300, 4301, 4305].map((code) => ["closed", `stopped ${code} why`]),
    );
    expect(hello(4102, false)).toEqual(["closed", "stopped 4102 why"]);
  });

  test("goodbye tells when to leave and where to; stop means stop", () => {
    const party = setup();
    party.live();
    party.frame({ type: "goodbye", action: "resume", after: 500, url: "https://b.example" });
    expect(party.wait()).toBe(500);
    expect(party.took()[0]).toEqual(["shut 4100", "reconnecting", "token"]);
    party.dial();
    expect(party.took()[0]).toEqual(["open 2 https://b.example"]);
    party.welcome({ resumed: true });
    party.frame({ type: "goodbye", action: "reconnect", after: 700 });
    party.close(4103);
    party.link.wake(party.now);
    expect(party.wait()).toBe(700);
    party.dial();
    expect(party.took()[1].at(-1)).not.toHaveProperty("resume");
    party.welcome();
    party.took();
    party.frame({ type: "goodbye", action: "stop", reason: "kicked" });
    expect(party.took()[0]).toEqual(["shut 1000", "closed", "stopped 4300 kicked"]);
  });

  test("what an older transport still says does not count", () => {
    const party = setup();
    party.live();
    party.close(1006);
    party.wait();
    party.took();
    party.link.frame(1, { type: "goodbye", action: "stop" }, party.now);
    party.link.closed(1, 4301, "", party.now);
    expect(party.took()).toEqual([[], []]);
  });

  test("pause leaves for good and connect comes back anew; close settles everything", () => {
    const party = setup();
    party.live();
    party.link.pause();
    expect(party.took()[0]).toEqual(["shut 1000", "reconnecting"]);
    expect(party.link.nextDeadline).toBe(Number.POSITIVE_INFINITY);
    party.link.connect();
    party.dial();
    expect(party.took()[1][0]).not.toHaveProperty("resume");
    const waits = request("send");
    party.link.request(waits);
    party.link.close();
    expect(waits.outcome).toEqual(["closed"]);
    expect(party.took()[0].slice(-3)).toEqual(["shut 1000", "closed", "stopped 1000 closed"]);
    const late = request("send");
    party.link.request(late);
    expect(late.outcome).toEqual(["closed"]);
  });
});
