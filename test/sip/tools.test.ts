import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import type { Call, IncomingCall } from "../../src/client/index.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { closeAll, device, microphone } from "../webrtc/support/parties.ts";
import { eventually } from "./support/parties.ts";
import { type RunningScenario, type Scenario, startSipp } from "./support/sipp.ts";

setDefaultTimeout(90_000);

describe.skipIf(Bun.which("sipp") === null)("sipp", () => {
  const server = useTcpServer();
  const running: RunningScenario[] = [];
  afterEach(async () => {
    for (const one of running.splice(0)) one.stop();
    await closeAll();
  });

  function sipp(name: string, scenario: Omit<Scenario, "port">): RunningScenario {
    const started = startSipp(name, { ...scenario, port: server.sip });
    running.push(started);
    return started;
  }

  /** A native device of `user`, which answers with a microphone or only rings. */
  async function native(user: string, answers = true) {
    const client = device(server.url, user, "laptop");
    const rings: IncomingCall[] = [];
    const calls: Call[] = [];
    const media = await microphone();
    client.on("incoming", (ring) => {
      rings.push(ring);
      if (answers) void ring.accept({ media }).then((call) => calls.push(call));
    });
    await client.ready;
    return { client, rings, calls, media };
  }

  test("registers: 423 for too short a time, the time that it asked for, and all taken back", async () => {
    expect(await sipp("register", { user: "alice" }).done).toBe("");
  });

  test("is asked again where its password is wrong", async () => {
    expect(await sipp("wrong-password", { user: "alice", password: "dev:bob" }).done).toBe("");
  });

  test("gets a 200 again until it acknowledges it, and hangs up", async () => {
    const bob = await native("bob");
    expect(await sipp("late-ack", { user: "alice", to: "bob" }).done).toBe("");
    expect((await bob.calls[0]?.ended)?.reason).toBe("hangup");
  });

  test("gives up while it rings", async () => {
    const carol = await native("carol", false);
    expect(await sipp("cancel", { user: "alice", to: "carol" }).done).toBe("");
    expect((await carol.rings[0]?.ended)?.reason).toBe("cancelled");
  });

  test("gives up too late: the call stands", async () => {
    const dave = await native("dave");
    expect(await sipp("cancel-too-late", { user: "alice", to: "dave" }).done).toBe("");
    expect((await dave.calls[0]?.ended)?.reason).toBe("hangup");
  });

  test("acknowledges a provisional response, which comes again until then", async () => {
    await native("erin");
    expect(await sipp("prack", { user: "alice", to: "erin" }).done).toBe("");
  });

  test("offers while the native device does: 491 both ways, and theirs comes again", async () => {
    const frank = await native("frank");
    const glare = sipp("glare", { user: "alice", to: "frank" });
    await eventually("the ACK", async () =>
      /^ACK [^\n]*\r\n(?:[^\n]+\r\n)*CSeq: 2 ACK/m.test(glare.messages()),
    );
    void frank.calls[0]?.hold(true);
    expect(await glare.done).toBe("");
  });

  test("answers, and its 200 comes again: it is acknowledged again", async () => {
    const grace = await native("grace");
    const callee = sipp("reachable", { user: "heidi", calls: "answers-twice" });
    await eventually("a phone", async () => /REGISTER[\s\S]*SIP\/2.0 200/.test(callee.messages()));
    const call = grace.client.call("heidi", { media: grace.media });
    const acknowledged = () => callee.messages().match(/^ACK /gm)?.length;
    await eventually("three ACKs", async () => acknowledged() === 3);
    await call.hangup();
    await eventually("the end", async () => /^BYE [\s\S]*SIP\/2.0 200/m.test(callee.messages()));
    expect(callee.messages()).not.toContain("Aborting");
  });

  test("answers while it is given up: ACK and BYE", async () => {
    const ivan = await native("ivan");
    const callee = sipp("reachable", { user: "judy", calls: "answers-a-cancel" });
    await eventually("a phone", async () => /REGISTER[\s\S]*SIP\/2.0 200/.test(callee.messages()));
    const call = ivan.client.call("judy", { media: ivan.media });
    await eventually("ringing", async () => call.ringing.length > 0);
    await call.hangup();
    await eventually("the end", async () =>
      /^CANCEL [\s\S]*^ACK [\s\S]*^BYE [\s\S]*SIP\/2.0 200/m.test(callee.messages()),
    );
  });
});

describe.skipIf(Bun.which("sipsak") === null)("sipsak", () => {
  const server = useTcpServer();
  afterEach(() => closeAll());

  const sipsak = (...args: readonly string[]) =>
    run("sipsak", ["-E", "tcp", "-i", "-r", String(server.sip), ...args]);

  test("asks what there is", async () => {
    expect(await sipsak("-vv", "-s", "sip:alice@127.0.0.1")).toMatchObject({ code: 0 });
  });

  test("registers; not with a wrong password", async () => {
    const register = ["-U", "-x", "60", "-s", "sip:alice@127.0.0.1", "-u", "alice", "-a"];
    expect(await sipsak(...register, "dev:alice")).toMatchObject({ code: 0 });
    expect((await sipsak(...register, "dev:bob")).code).not.toBe(0);
  });
});

/** A server with a TCP listener for phones. */
function useTcpServer() {
  let server: RunningServer;
  let sip = 0;
  beforeAll(async () => {
    server = await startServer({ config: { sip: { tcp: { enabled: true, port: 0 } } } });
    const line = server.logs.find((one) => one.includes("SIP over TCP")) ?? "";
    sip = Number(/"port":(\d+)/.exec(line)?.[1]);
  });
  afterAll(() => server.stop());
  return {
    get url() {
      return server.url;
    },
    get sip() {
      return sip;
    },
  };
}

function run(program: string, args: readonly string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes) => {
      out += bytes;
    });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out })));
}
