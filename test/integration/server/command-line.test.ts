import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";
import { command } from "../../support/command.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { someOf } from "../../support/seed.ts";
import { startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";

const secret = "a secret of at least 32 characters";
const env = { SWITCHBOARD_TOKENS_SECRET: secret };
const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));

describe("a start that can't be", () => {
  const cases: [string, string[], Record<string, string>, RegExp][] = [
    ["without keys", ["serve"], {}, /no key .*tokens\.secret.*--dev/],
    ["unknown flag", ["serve", "--dev", "--prot", "1"], {}, /--prot/],
    ["unknown variable", ["serve", "--dev"], { SWITCHBOARD_PROT: "1" }, /SWITCHBOARD_PROT/],
    ["wrong value", ["serve", "--dev"], { PORT: "high" }, /port.*PORT.*whole number/],
    ["missing file", ["serve", "--dev", "--config", "/nowhere.json"], {}, /nowhere\.json/],
    [
      "missing certificate",
      ["serve", "--dev", "--tls.cert", "/no.pem", "--tls.key", "/no.pem"],
      {},
      /certificate.*no\.pem/,
    ],
    ["unusable key", ["serve", "--tokens.public-key", "/no.pem"], {}, /tokens\.publicKey.*no\.pem/],
    [
      "no address of this machine",
      ["serve", "--dev", "--host", "192.0.2.1", "--port", "0"],
      {},
      /192\.0\.2\.1|listen/,
    ],
    ["unknown command", ["start"], {}, /no command start/],
    ["a word too many", ["serve", "now"], {}, /now/],
  ];
  for (const [name, args, environment, text] of someOf(cases, 4))
    test(name, () => {
      const { code, out, err } = command(args, environment);
      expect(err).toMatch(text);
      expect(err.trim().split("\n")).toHaveLength(1);
      expect(err).toStartWith("switchboard: ");
      expect(out).not.toContain("Switchboard is at");
      expect(code).toBe(2);
    });

  for (const runtime of runtimesFor("command-line"))
    test(`on a port that is taken, on ${runtime}`, async () => {
      const other = createServer();
      const port = await new Promise<number>((resolve) => {
        other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
      });
      const { code, err } = command(["serve", "--dev", "--port", String(port)], {}, runtime);
      other.close();
      expect(err).toMatch(new RegExp(`port.*${port}.*in use.*--port`));
      expect(code).toBe(2);
    });
});

test("credential: a secret, and what of it the settings take", () => {
  const { code, out, err } = command(["credential", "--user", "alice", "--device", "desk"]);
  expect([code, err]).toEqual([0, expect.stringContaining("shown this once")]);
  const { login, secret: shown, stored } = JSON.parse(out);
  expect(login).toBe("alice/desk");
  expect(JSON.stringify(stored)).not.toContain(shown);
  const checked = command(["check-config", "--dev"], {
    SWITCHBOARD_CREDENTIALS_STORED: JSON.stringify([stored]),
  });
  expect([checked.code, checked.err]).toEqual([0, ""]);
  expect(command(["credential", "--user", "a/b"])).toMatchObject({ code: 2 });
});

describe("token", () => {
  test("is taken by a server with the same secret, and says what it was made for", async () => {
    const { code, out } = command(
      [
        "token",
        "--user",
        "alice",
        "--device",
        "phone",
        "--grant",
        "call=bob,carol",
        "--grant",
        "watch=bob",
        "--expires",
        "90s",
      ],
      env,
    );
    expect(code).toBe(0);
    const claims = JSON.parse(Buffer.from(out.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({
      sub: "alice",
      device: "phone",
      grants: { call: ["bob", "carol"], watch: ["bob"] },
    });
    expect(claims.exp - claims.iat).toBe(90);

    const server = await startServer({ config: { dev: false, tokens: { secret } } });
    const alice = await signIn(server, out.trim());
    expect(alice.welcome).toMatchObject({ user: "alice", device: "phone" });
    expect(alice.welcome.expires).toBeLessThanOrEqual(90_000);
    await alice.fails("forbidden", "send", { to: "mallory", body: 1 });
    await alice.ok("watch", { users: ["bob"] });
    await server.stop();
  });

  test("with all grants", () => {
    const { out } = command(["token", "--user", "alice", "--grants", "all"], env);
    expect(JSON.parse(Buffer.from(out.split(".")[1] ?? "", "base64url").toString()).grants.call).toEqual([
      "*",
    ]);
  });

  test("for a guest, whose TURN credentials say so", async () => {
    const { out } = command(["token", "--user", "visitor-7", "--device", "tab", "--guest"], env);
    const turn = { embedded: true, udpPort: 0, tcpPort: 0, listen: ["127.0.0.1"] };
    const server = await startServer({ config: { dev: false, tokens: { secret }, turn } });
    const { welcome } = await signIn(server, out.trim(), "tab");
    expect(welcome.iceServers?.[0]?.username).toMatch(/^\d+:visitor-7\/tab\/guest$/);
    await server.stop();
  });

  const wrong: [string[], Record<string, string>, RegExp][] = [
    [["token", "--user", "alice"], {}, /tokens\.secret/],
    [["token"], env, /--user/],
    [["token", "--user", "a b"], env, /--user/],
    [["token", "--user", "alice", "--device", "a/b"], env, /--device/],
    [["token", "--user", "alice", "--expires", "soon"], env, /--expires/],
    [["token", "--user", "alice", "--expires", "0s"], env, /--expires/],
    [["token", "--user", "alice", "--grant", "fly=bob"], env, /fly=bob/],
    [["token", "--user", "alice", "--grant", "call=a b"], env, /call/],
    [["token", "--user", "alice", "--grants", "some"], env, /--grants/],
    [["token", "--user", "alice", "--colour", "red"], env, /--colour/],
  ];
  for (const [args, environment, text] of someOf(wrong, 4))
    test(`refuses ${args.slice(1).join(" ") || "nothing"}`, () => {
      const { code, out, err } = command(args, environment);
      expect(err).toMatch(text);
      expect(out).toBe("");
      expect(code).toBe(2);
    });
});

test("check-config shows what is in force, and no secret", () => {
  const { code, out } = command(["check-config", "--port", "9000"], env);
  expect(code).toBe(0);
  expect(out).toContain("port = 9000\n");
  expect(out).toContain("tokens.secret = (set)\n");
  expect(out).toContain("turn.secret = (none)\n");
  expect(out).not.toContain(secret);
});

describe("doctor", () => {
  test("is content with what works", () => {
    const { code, out } = command(["doctor", "--port", "0"], env);
    expect(out).not.toContain("WRONG");
    expect(code).toBe(0);
  });

  test("finds what does not", async () => {
    const folder = temporaryFolder();
    const one = makeCertificate(folder, "one");
    const two = makeCertificate(folder, "two");
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
    });
    const { code, out } = command([
      "doctor",
      ...["--host", "127.0.0.1", "--port", String(port), "--tls.cert", one.cert, "--tls.key", two.key],
      ...[
        "--tokens.jwks-url",
        "http://127.0.0.1:1/keys",
        "--tokens.public-key",
        one.key.replace("one.key", "none"),
      ],
    ]);
    other.close();
    const wrong = out.split("\n").filter((line) => line.startsWith("WRONG"));
    expect(wrong.join("\n")).toMatch(/publicKey.*jwksUrl.*port.*certificate/s);
    expect(wrong).toHaveLength(4);
    expect(code).toBe(1);
  });

  test("knows a certificate's days", () => {
    const { cert, key } = makeCertificate(temporaryFolder(), "short");
    const { code, out } = command(["doctor", "--port", "0", "--tls.cert", cert, "--tls.key", key], env);
    expect(out).toMatch(/look {2}the certificate is good for [12] days/);
    expect(code).toBe(0);
  });
});

test("help and version", () => {
  expect(command(["--version"]).out.trim()).toBe(version);
  for (const args of [["--help"], ["serve", "--help"], []]) {
    const { code, out } = command(args);
    expect(out).toContain("switchboard serve");
    expect(out).toContain("--allowed-origins");
    expect(code).toBe(0);
  }
});
