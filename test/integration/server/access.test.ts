import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { request } from "node:http";
import { RawSocket } from "../../support/raw-socket.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";

/** A request whose Host and Origin are the test's own, which fetch does not allow. */
function ask(port: number, path: string, headers: Record<string, string> = {}, method = "GET", body = "") {
  return new Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }>(
    (resolve, reject) => {
      const outgoing = request({ port, host: "127.0.0.1", path, method, headers }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
        );
      });
      outgoing.on("upgrade", (_response, socket) => {
        socket.destroy();
        resolve({ status: 101, text: "", headers: {} });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    },
  );
}

const upgrade = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Protocol": "switchboard.v1",
};
const hello = (token: string) => JSON.stringify({ type: "hello", token, instance: "instance-1", attempt: 1 });
const secret = "a secret of at least 32 characters";

for (const runtime of runtimesFor("access"))
  describe(`on ${runtime}`, () => {
    describe("development mode", () => {
      let server: RunningServer;
      beforeAll(async () => {
        server = await startServer({ runtime });
      });
      afterAll(() => server.stop());

      const strangers: [string, Record<string, string>][] = [
        ["another host", { Host: "evil.example" }],
        ["another host that names us", { Host: "127.0.0.1.evil.example" }],
        ["another origin", { Host: "localhost", Origin: "https://evil.example" }],
        ["a proxy", { Host: "localhost", "X-Forwarded-For": "127.0.0.1" }],
        ["a standard proxy", { Host: "localhost", Forwarded: "for=127.0.0.1" }],
      ];
      for (const [name, headers] of strangers)
        test(`${name} gets one clear 403, wherever it asks`, async () => {
          const answers = [
            await ask(server.port, "/", headers),
            await ask(server.port, "/metrics", headers),
            await ask(server.port, "/link", headers, "POST", hello("dev:alice")),
            await ask(server.port, "/ws", { ...upgrade, ...headers }),
          ];
          for (const { status, text } of answers) {
            expect(status).toBe(403);
            expect(text).toContain("Development mode serves this machine only");
          }
        });

      test("this machine is served, by any of its names", async () => {
        for (const Host of ["localhost", "127.0.0.1:99", "[::1]"])
          expect((await ask(server.port, "/ws", { ...upgrade, Host })).status).toBe(101);
        const page = { ...upgrade, Host: "localhost", Origin: "http://localhost:5173" };
        expect((await ask(server.port, "/ws", page)).status).toBe(101);
      });

      test("the subprotocol must be offered", async () => {
        const { "Sec-WebSocket-Protocol": _, ...bare } = upgrade;
        const { status, text } = await ask(server.port, "/ws", { ...bare, Host: "localhost" });
        expect([status, text]).toEqual([400, "Offer the WebSocket subprotocol switchboard.v1 at /ws.\n"]);
        expect((await ask(server.port, "/ws")).status).toBe(426);
      });

      test("both transports reach the same core", async () => {
        const alice = await signIn(server, "dev:alice");
        const bob = await fetch(`${server.url}/link`, { method: "POST", body: hello("dev:bob") });
        const headers = { Authorization: `Bearer ${bob.headers.get("switchboard-transport")}` };
        await bob.text();
        await alice.ok("send", { to: "bob", body: { text: "over both" } });
        const frames = await (await fetch(`${server.url}/link`, { headers })).text();
        expect(frames).toContain("over both");
        const body = `${JSON.stringify({ id: 1, type: "send", to: "alice", body: "back" })}\n`;
        expect((await fetch(`${server.url}/link`, { method: "POST", headers, body })).status).toBe(204);
        expect((await alice.push("message")).body).toBe("back");
        alice.close();
      });
    });

    describe("production", () => {
      test("pages of listed origins, and who sends none", async () => {
        const config = { dev: false, tokens: { secret }, allowedOrigins: ["https://app.example", "self"] };
        const server = await startServer({ runtime, config });
        const from = (headers: Record<string, string>) => ask(server.port, "/ws", { ...upgrade, ...headers });
        expect((await from({ Host: "anything.example" })).status).toBe(101);
        expect((await from({ Origin: "https://app.example" })).status).toBe(101);
        expect((await from({ Host: "own.example", Origin: "https://own.example" })).status).toBe(101);
        const refused = await from({ Origin: "https://evil.example" });
        expect([refused.status, refused.text]).toMatchObject([
          403,
          expect.stringContaining("allowedOrigins"),
        ]);
        const link = await ask(server.port, "/link", { Origin: "https://evil.example" }, "POST", hello("x"));
        expect([link.status, JSON.parse(link.text)]).toMatchObject([403, { close: 4304 }]);
        await expect(signIn(server, "dev:alice")).rejects.toThrow("4303");
        await server.stop();
      });

      test("rates and caps are counted for the client's address, as a trusted proxy tells it", async () => {
        const limits = { connectsPerSecond: 1, connectsBurst: 3, linksPerAddress: 2 };
        const metricsToken = "a token for metrics";
        const config = {
          trustedProxies: ["127.0.0.1"],
          dev: false,
          tokens: { secret },
          limits,
          metricsToken,
        };
        const server = await startServer({ runtime, config });
        const headers = { Authorization: `Bearer ${metricsToken}` };
        const metrics = async () => (await fetch(`${server.url}/metrics`, { headers })).text();
        const from = async (address: string) => {
          // Those before are closed, but the server may not have seen that yet.
          while (!/^switchboard_transports_open 0$/m.test(await metrics())) await Bun.sleep(20);
          return ask(server.port, "/ws", { ...upgrade, "X-Forwarded-For": address });
        };
        for (let i = 0; i < 3; i++) expect((await from("192.0.2.1")).status).toBe(101);
        // On a slow machine another connect may have been earned meanwhile.
        let refused = await from("192.0.2.1");
        for (let i = 0; i < 20 && refused.status === 101; i++) refused = await from("192.0.2.1");
        expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "1"]);
        expect((await from("192.0.2.2")).status).toBe(101);

        // These two stay open.
        const open = [await RawSocket.upgraded(server.port, "/ws", "switchboard.v1")];
        open.push(await RawSocket.upgraded(server.port, "/ws", "switchboard.v1"));
        expect((await ask(server.port, "/ws", upgrade)).status).toBe(429);
        // A text may be a second old.
        await Bun.sleep(1_000);
        const counted = await metrics();
        expect(counted).toContain('switchboard_limit_hits_total{limit="connectsPerSecond"} 1');
        expect(counted).toContain('switchboard_limit_hits_total{limit="linksPerAddress"} 1');
        for (const raw of open) raw.socket.destroy();
        await server.stop();
      });
    });
  });
