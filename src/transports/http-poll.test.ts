import { afterEach, describe, expect, test } from "bun:test";
import { defaultLimits } from "../protocol/limits.ts";
import type { Connection } from "../signaling/core.ts";
import type { Transport } from "../signaling/ports.ts";
import { AccessPolicy } from "./access-policy.ts";
import { Admission } from "./admission.ts";
import { FairQueue } from "./fair-queue.ts";
import { FlowRates } from "./flow-meter.ts";
import { HttpPoll } from "./http-poll.ts";

const client = { address: "192.0.2.1", peer: "192.0.2.1" };
const running: HttpPoll[] = [];
afterEach(() => {
  for (const poll of running.splice(0)) poll.stop();
});

/** A core that echoes frames, and knows a few by heart. */
class EchoCore {
  readonly transports: Transport[] = [];
  readonly closed: number[] = [];
  readonly heard: string[] = [];

  open(transport: Transport): Connection {
    this.transports.push(transport);
    return {
      receive: (text) => {
        this.heard.push(text);
        if (text === "throw") throw new Error("wanted");
        if (text === "refuse") transport.close(4303, "unauthorized");
        else if (text === "later") setTimeout(() => transport.send("welcome"), 10);
        else transport.send(`<${text}>`);
      },
      receiveOverRate: () => {},
      receiveBinary: () => {},
      closed: (code) => void this.closed.push(code),
    };
  }
}

function start({ wait = 5_000, patience = 5_000, origins = ["https://app.example"], links = 10 } = {}) {
  const core = new EchoCore();
  const limits = { ...defaultLimits, linksPerAddress: links };
  const poll = new HttpPoll(
    {
      core,
      access: new AccessPolicy({ development: false, allowedOrigins: origins }),
      admission: new Admission(limits, () => {}),
      queue: new FairQueue({
        next: setImmediate,
        clock: () => performance.now(),
        fault: () => {},
        flooded: () => {},
      }),
      rates: new FlowRates(limits, () => {}),
      now: Date.now,
    },
    { wait, patience },
  );
  running.push(poll);
  const ask = async (
    method: string,
    secret?: string,
    body?: BodyInit,
    headers: Record<string, string> = {},
  ) => {
    const authorization = secret === undefined ? {} : { Authorization: `Bearer ${secret}` };
    const request = new Request("http://x.example/link", {
      method,
      headers: { ...authorization, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const response = await poll.fetch(request, client, new URL(request.url).pathname);
    if (response === undefined) throw new Error("was not for it");
    return response;
  };
  const hello = async (text = "hello") => {
    const response = await ask("POST", undefined, text);
    return { secret: response.headers.get("switchboard-transport") ?? "", text: await response.text() };
  };
  return { core, poll, ask, hello };
}

/** Status and body in one line. */
const brief = async (response: Response | Promise<Response>) => {
  const { status } = await response;
  return `${status} ${await (await response).text()}`;
};

describe("hello", () => {
  test("is answered with the first frames and a secret", async () => {
    const { ask } = start();
    const response = await ask("POST", undefined, "hello\n");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("switchboard-transport")).toMatch(/^[\w-]{43}$/);
    expect(await response.text()).toBe("<hello>\n");
  });

  test("waits for a core that answers later", async () => {
    expect((await start().hello("later")).text).toBe("welcome\n");
  });

  test("that is refused has the close code, and no secret", async () => {
    const { ask, core } = start();
    const response = await ask("POST", undefined, "refuse");
    expect(response.headers.get("switchboard-transport")).toBeNull();
    expect(await brief(response)).toBe('401 {"close":4303,"reason":"unauthorized"}');
    expect(core.transports[0]?.send("late")).toBe(false);
  });

  test("counts towards the links of the address, until it is over", async () => {
    const { ask, hello } = start({ links: 1 });
    const { secret } = await hello();
    const second = await ask("POST", undefined, "hello");
    expect(second.status).toBe(429);
    expect(second.headers.get("retry-after")).not.toBeNull();
    expect(await second.json()).toMatchObject({ close: 4204 });
    await ask("DELETE", secret);
    expect((await ask("POST", undefined, "hello")).status).toBe(200);
  });

  test("that makes the core throw leaves nothing behind", async () => {
    const { ask, core, hello } = start({ links: 1 });
    await expect(ask("POST", undefined, "throw")).rejects.toThrow("wanted");
    expect(core.closed).toEqual([1011]);
    expect((await hello()).secret).not.toBe("");
  });
});

describe("frames down", () => {
  test("that wait come at once, together and in order", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    core.transports[0]?.send("1");
    core.transports[0]?.send("2");
    expect(core.transports[0]?.buffered).toBe(2);
    expect(await brief(ask("GET", secret))).toBe("200 1\n2\n");
    expect(core.transports[0]?.buffered).toBe(0);
  });

  test("that come later are waited for", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    const get = ask("GET", secret);
    core.transports[0]?.send("1");
    core.transports[0]?.send("2");
    expect(await brief(get)).toBe("200 1\n2\n");
  });

  test("are not waited for beyond the time", async () => {
    const { ask, hello } = start({ wait: 20 });
    expect(await brief(ask("GET", (await hello()).secret))).toBe("204 ");
  });

  test("go to the newest GET; the older one ends empty", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    const older = ask("GET", secret);
    const newer = ask("GET", secret);
    expect(await brief(older)).toBe("204 ");
    core.transports[0]?.send("1");
    expect(await brief(newer)).toBe("200 1\n");
  });

  test("stay when the client of a GET has gone", async () => {
    const { core, poll, ask, hello } = start();
    const { secret } = await hello();
    const gone = new AbortController();
    const headers = { Authorization: `Bearer ${secret}` };
    const get = poll.fetch(
      new Request("http://x.example/link", { headers, signal: gone.signal }),
      client,
      "/link",
    );
    gone.abort();
    await get;
    core.transports[0]?.send("1");
    expect(await brief(ask("GET", secret))).toBe("200 1\n");
  });
});

describe("frames up", () => {
  test("are the lines of a POST", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    expect(await brief(ask("POST", secret, "a\nb\n\nc"))).toBe("204 ");
    expect(core.heard).toEqual(["hello", "a", "b", "c"]);
    expect(await brief(ask("GET", secret))).toBe("200 <a>\n<b>\n<c>\n");
  });

  test("come by one POST at a time", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    let finish = () => {};
    const slow = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("slow"));
        finish = () => controller.close();
      },
    });
    const first = ask("POST", secret, slow);
    expect((await ask("POST", secret, "fast")).status).toBe(409);
    finish();
    expect((await first).status).toBe(204);
    expect(core.heard).toEqual(["hello", "slow"]);
  });

  test("after a close are not heard", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    expect(await brief(ask("POST", secret, "a\nrefuse\nb"))).toBe(
      '410 {"close":4303,"reason":"unauthorized"}',
    );
    expect(core.heard).toEqual(["hello", "a", "refuse"]);
  });
});

describe("the end", () => {
  test("by the server is told, after what was sent before it", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    core.transports[0]?.send("goodbye");
    core.transports[0]?.close(4101, "slow");
    expect(core.transports[0]?.send("late")).toBe(false);
    expect(await brief(ask("GET", secret))).toBe("200 goodbye\n");
    expect(await brief(ask("GET", secret))).toBe('410 {"close":4101,"reason":"slow"}');
    expect(await brief(ask("POST", secret, "x"))).toBe('410 {"close":4101,"reason":"slow"}');
    expect(core.closed).toEqual([]);
  });

  test("by the server ends a GET that waits", async () => {
    const { core, ask, hello } = start();
    const get = ask("GET", (await hello()).secret);
    core.transports[0]?.close(4300, "stale");
    expect(await brief(get)).toBe('410 {"close":4300,"reason":"stale"}');
  });

  test("by the client is a close 1000", async () => {
    const { core, ask, hello } = start();
    const { secret } = await hello();
    expect((await ask("DELETE", secret)).status).toBe(204);
    expect(core.closed).toEqual([1000]);
    expect((await ask("GET", secret)).status).toBe(410);
  });

  test("comes when nobody asks any more; who asks again hears of it", async () => {
    const { core, ask, hello } = start({ wait: 10, patience: 60 });
    const { secret } = await hello();
    for (let i = 0; i < 8; i++) await ask("GET", secret);
    expect(core.closed).toEqual([]);
    while (core.closed.length === 0) await Bun.sleep(5);
    expect(core.closed).toEqual([1006]);
    expect(await brief(ask("GET", secret))).toContain('410 {"close":1006');
  });

  test("a secret that is none is answered the same", async () => {
    const { ask } = start();
    for (const secret of ["nonsense", "", "a b"]) expect((await ask("GET", secret)).status).toBe(410);
    expect((await ask("GET")).status).toBe(401);
  });
});

describe("pages of other origins", () => {
  const origin = { Origin: "https://app.example" };

  test("that are allowed are let in, by preflight and answer", async () => {
    const { ask } = start();
    const preflight = await ask("OPTIONS", undefined, undefined, origin);
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(preflight.headers.get("access-control-allow-methods")).toBe("GET, POST, DELETE");
    expect(preflight.headers.get("access-control-allow-headers")).toContain("Authorization");
    const response = await ask("POST", undefined, "hello", origin);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(response.headers.get("access-control-expose-headers")).toContain("Switchboard-Transport");
    expect(response.headers.get("vary")).toBe("Origin");
  });

  test("that are not are refused, whatever they ask", async () => {
    const { ask, core } = start();
    for (const method of ["OPTIONS", "POST", "GET"]) {
      const response = await ask(method, undefined, method === "POST" ? "hello" : undefined, {
        Origin: "https://e.example",
      });
      expect(response.status).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
    expect(core.transports).toEqual([]);
  });
});

test("other paths are not for it, other methods not allowed", async () => {
  const { poll, ask, hello } = start();
  expect(poll.fetch(new Request("http://x.example/links"), client, "/links")).toBeUndefined();
  const { secret } = await hello();
  expect((await ask("PUT", secret, "x")).status).toBe(405);
});
