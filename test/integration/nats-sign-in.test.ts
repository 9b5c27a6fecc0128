// How a node gets into NATS: passwords, tokens, keys, credentials, TLS. On Bun and on Node.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { nkeys } from "@nats-io/transport-node";
import { loadSettings } from "../../src/config/load.ts";
import type { SettingsInput } from "../../src/config/schema.ts";
import { joinCluster } from "../../src/server/cluster.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { until } from "../support/until.ts";

const folder = temporaryFolder();
const skip = hasNats ? false : "nats-server is missing; scripts/test-peers provides it";

describe("signing in to NATS", { skip }, () => {
  test("user and password in the URL", () =>
    check(configured('authorization { user: "a b", password: "p@:/w" }'), {
      good: (at) => ({ url: [`nats://a%20b:p%40%3A%2Fw@${at}`] }),
      bad: (at) => ({ url: [`nats://a%20b:wrong@${at}`] }),
      reason: /Authorization Violation/,
    }));

  test("a token in the URL", () =>
    check(configured('authorization { token: "t0k/n" }'), {
      good: (at) => ({ url: [`nats://t0k%2Fn@${at}`] }),
      bad: (at) => ({ url: [`nats://${at}`] }),
      reason: /Authorization Violation/,
    }));

  test("an NKey", () => {
    const [user, stranger] = [nkeys.createUser(), nkeys.createUser()];
    return check(configured(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`), {
      good: (at) => ({ url: [`nats://${at}`], nkey: file("user.nk", `${textOf(user.getSeed())}\n`) }),
      bad: (at) => ({ url: [`nats://${at}`], nkey: file("stranger.nk", textOf(stranger.getSeed())) }),
      reason: /Authorization Violation/,
    });
  });

  test("a credentials file", () => {
    const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
    const all = { subs: -1, data: -1, payload: -1 };
    const limits = { ...all, conn: -1, leaf: -1, imports: -1, exports: -1, wildcards: true };
    const accountToken = jwt(operator, account, { type: "account", limits });
    const server = `operator: ${jwt(operator, operator, { type: "operator" })}
      resolver: MEMORY
      resolver_preload: { ${account.getPublicKey()}: ${accountToken} }`;
    const creds = (by: Key) => `-----BEGIN NATS USER JWT-----
${jwt(by, user, { type: "user", ...all, pub: {}, sub: {} })}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${textOf(user.getSeed())}
------END USER NKEY SEED------
`;
    return check(configured(server), {
      good: (at) => ({ url: [`nats://${at}`], creds: file("user.creds", creds(account)) }),
      bad: (at) => ({
        url: [`nats://${at}`],
        creds: file("forged.creds", creds(nkeys.createAccount())),
      }),
      reason: /Authorization Violation/,
    });
  });

  test("TLS: only a server that the authority vouches for", () => {
    const [own, other] = [makeCertificate(folder, "nats"), makeCertificate(folder, "other")];
    return check(["--tls", "--tlscert", own.cert, "--tlskey", own.key], {
      good: (at) => ({ url: [`tls://${at}`], tls: { ca: own.cert, cert: "", key: "" } }),
      bad: (at) => ({ url: [`tls://${at}`], tls: { ca: other.cert, cert: "", key: "" } }),
      reason: /certificate/,
    });
  });

  test("TLS: a server that asks for our certificate", () => {
    const [server, client] = [makeCertificate(folder, "server"), makeCertificate(folder, "client")];
    const flags = ["--tls", "--tlscert", server.cert, "--tlskey", server.key, "--tlsverify"];
    return check([...flags, "--tlscacert", client.cert], {
      good: (at) => ({ url: [`nats://${at}`], tls: { ca: server.cert, ...client } }),
      bad: (at) => ({ url: [`nats://${at}`], tls: { ca: server.cert, cert: "", key: "" } }),
      reason: /./,
    });
  });

  test("TLS: never without it where it was asked for", () =>
    check([], {
      good: (at) => ({ url: [`nats://${at}`] }),
      bad: (at) => ({ url: [`tls://${at}`] }),
      reason: /tls/i,
    }));

  test("a file that can't be read is named before anything starts", async () => {
    await assert.rejects(
      joined({ url: ["nats://127.0.0.1"], creds: "/nowhere.creds" }),
      /setting nats\.creds: .*nowhere/,
    );
    const tls = { ca: "/nowhere.pem", cert: "", key: "" };
    await assert.rejects(joined({ url: ["nats://127.0.0.1"], tls }), /setting nats\.tls\.ca: .*nowhere/);
  });
});

interface Ways {
  good(at: string): SettingsInput["nats"];
  bad(at: string): SettingsInput["nats"];
  /** What the log says of the bad way. */
  readonly reason: RegExp;
}

/** With such a server, the good way in works, and the bad one does not and is told to the operator. */
async function check(flags: readonly string[], { good, bad, reason }: Ways): Promise<void> {
  const nats = await NatsServer.start(...flags);
  const at = `127.0.0.1:${nats.port}`;
  const [welcome, stranger] = await Promise.all([joined(good(at)), joined(bad(at))]);
  try {
    await until(() => welcome.cluster.backplane.state === "up", 15_000);
    await until(() => stranger.logs.length > 0, 15_000);
    assert.match(stranger.logs.join("\n"), reason);
    assert.equal(stranger.cluster.backplane.state, "down");
    assert.deepEqual(welcome.logs, []);
    const secrets = /p@:|wrong|t0k|SU[A-Z0-9]{50}|eyJ/;
    assert.doesNotMatch(stranger.logs.join("\n"), secrets);
  } finally {
    await Promise.all([welcome.cluster.close(), stranger.cluster.close()]);
    await nats.stop();
  }
}

async function joined(nats: SettingsInput["nats"]) {
  const settings = loadSettings({ object: { nats, ticketKey: "t" } });
  if (!settings.ok) throw new Error(settings.error);
  const logs: string[] = [];
  const log = createLog({ level: "silent", format: "json" });
  log.warn = (facts: object, text?: string) => void logs.push(`${text} ${JSON.stringify(facts)}`);
  const fault = (where: string, error: unknown) => void logs.push(`${where} ${error}`);
  const cluster = await joinCluster(settings.value, "n1", log, fault);
  if (cluster === undefined) throw new Error("joins nothing");
  return { cluster, logs };
}

// What NATS reads

type Key = ReturnType<typeof nkeys.createUser>;
let files = 0;

function file(name: string, text: string): string {
  const path = join(folder, `${files++}.${name}`);
  writeFileSync(path, text);
  return path;
}

function configured(text: string): string[] {
  return ["-c", file("nats.conf", text)];
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A JWT as NATS signs them. */
function jwt(issuer: Key, subject: Key, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = part({ typ: "JWT", alg: "ed25519-nkey" });
  const body = part({
    jti: subject.getPublicKey(),
    iat: Math.floor(Date.now() / 1_000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: "test",
    nats: { version: 2, ...nats },
  });
  const signature = Buffer.from(issuer.sign(Buffer.from(`${head}.${body}`))).toString("base64url");
  return `${head}.${body}.${signature}`;
}
