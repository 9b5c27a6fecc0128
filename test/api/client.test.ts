import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ApiError, createApi, createToken } from "../../src/application/index.ts";
import { paths } from "../../src/application/operations.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";

const secret = "a secret of tokens with 32 characters";
let server: RunningServer;

beforeAll(async () => {
  server = await startServer({ config: { tokens: { secret } } });
}, 60_000);
afterAll(() => server?.stop());

test("the typed client asks for users, sends messages, and says what was refused", async () => {
  const api = createApi({ url: `${server.url}/`, key: "dev:admin" });
  const ann = await signIn(server, await createToken({ secret, user: "ann" }));
  expect((await api.listUsers({ limit: 5 })).items).toMatchObject([{ user: "ann", online: true }]);
  expect(await api.sendMessage({ to: "ann", body: [1] }, { idempotencyKey: "a" })).toEqual({ delivered: 1 });
  expect(await api.sendMessage({ to: "ann", body: [1] }, { idempotencyKey: "a" })).toEqual({ delivered: 1 });
  await ann.push("message", { body: [1] });
  expect(await api.kickUser({ user: "ann" })).toEqual({ links: 1 });
  const refused = await api.endSession({ session: "s/../x" }).catch((error) => error);
  expect(refused).toBeInstanceOf(ApiError);
  expect(refused).toMatchObject({ status: 404, code: "not_found" });
  expect(await api.listUsers({ limit: 0 }).catch((error) => error)).toMatchObject({
    status: 400,
    field: "limit",
  });
  const nobody = createApi({ url: `http://127.0.0.1:${await freePort()}`, key: "x" });
  expect(await nobody.listUsers().catch((error) => error)).toMatchObject({ status: 0, code: "unreachable" });
});

test("a token that is signed in the application's process says what it was made for", async () => {
  const grants = { call: ["bob"] };
  const token = await createToken({ secret, user: "cleo", device: "phone", grants, lifetime: 60 });
  await expect(signIn(server, token, "laptop")).rejects.toThrow();
  const cleo = await signIn(server, token, "phone");
  await cleo.fails("forbidden", "call", { to: "dora" });
  await expect(createToken({ secret: "short", user: "cleo" })).rejects.toThrow("32 characters");
});

test("the Python of docs/api.md makes a token that the server takes", async () => {
  const docs = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
  const code = docs.match(/```python\n([\s\S]*?)```/)?.[1] ?? "";
  const program = `${code}\nprint(switchboard_token(${JSON.stringify(secret)}, "eva", {"call": ["bob"]}))`;
  const made = spawnSync("python3", ["-c", program], { encoding: "utf8" });
  expect(made.stderr).toBe("");
  const eva = await signIn(server, made.stdout.trim());
  await eva.fails("forbidden", "call", { to: "dora" });
});

// Seconds of a JVM: `npm run test:long`, where there is one.
if (process.env.TEST_LONG === "1")
  test.skipIf(Bun.which("java") === null)(
    "the Java of docs/api.md makes a token that the server takes",
    async () => {
      const docs = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
      const code = docs.match(/```java\n([\s\S]*?)```/)?.[1] ?? "";
      const folder = mkdtempSync(join(tmpdir(), "switchboard-java-"));
      try {
        const call = `SwitchboardToken.of(${JSON.stringify(secret)}, "ella", "{\\"call\\":[\\"bob\\"]}", 3600)`;
        const main = `public static void main(String[] args) throws Exception { System.out.println(${call}); }`;
        const [imports = "", ...rest] = code.split("class SwitchboardToken");
        // A single file is run by its first class.
        const program = `${imports}class Main { ${main} }\nclass SwitchboardToken${rest.join("class SwitchboardToken")}`;
        writeFileSync(join(folder, "Main.java"), program);
        const made = spawnSync("java", [join(folder, "Main.java")], { encoding: "utf8" });
        expect(made.stderr).toBe("");
        const ella = await signIn(server, made.stdout.trim());
        await ella.fails("forbidden", "call", { to: "dora" });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    60_000,
  );

test("every operation of the document is a method, and the whole has 8 KB at most", async () => {
  const document = await (await fetch(`${server.url}/api/v1/openapi.json`)).json();
  const told = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]): [string, string] => [
      operationId,
      `${method.toUpperCase()} ${path.slice("/api/v1".length)}`,
    ]),
  );
  // Streams have no answer: followEvents reads the one, the console the other. Guests' tokens are for pages.
  const others = ["streamEvents", "streamFrames", "createGuestToken"];
  const answered = told.filter(([id]) => !others.includes(id));
  expect(Object.entries(paths).sort()).toEqual(answered.sort());
  const entrypoint = new URL("../../src/application/index.ts", import.meta.url).pathname;
  const built = await Bun.build({ entrypoints: [entrypoint], minify: true, target: "browser" });
  const [bundle] = built.outputs;
  expect(gzipSync(await bundle!.text()).length).toBeLessThanOrEqual(8_192);
});
