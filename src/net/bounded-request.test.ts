import { afterAll, beforeAll, expect, test } from "bun:test";
import { lookup } from "node:dns";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { boundedRequest } from "./bounded-request.ts";

let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === "/moved") response.writeHead(302, { location: "/" }).end("moved");
    else if (request.url === "/cut") response.writeHead(200, { "content-length": 10 }).write("cut");
    else if (request.url === "/echo") request.pipe(response);
    else
      (function more(): void {
        if (response.destroyed) return;
        response.write("x".repeat(8_192), () => setImmediate(more));
      })();
    if (request.url === "/cut") setTimeout(() => request.socket.destroy(), 20);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const post = (url: string, body: string | Uint8Array = "") =>
  boundedRequest(new URL(url), { method: "POST", headers: {}, body, lookup, agent: false });

test("an answer is handed over as it is, redirects too", async () => {
  expect(await post(`${base}/echo`, "grüße")).toMatchObject({ status: 200, text: "grüße" });
  expect(await post(`${base}/moved`)).toMatchObject({
    status: 302,
    text: "moved",
    headers: { location: "/" },
  });
});

test("an endless answer ends, and so does one that is cut off or never comes", async () => {
  await expect(post(`${base}/endless`)).rejects.toThrow("the answer is over 64 KB");
  await expect(post(`${base}/cut`)).rejects.toThrow();
  await expect(post("http://127.0.0.1:1/")).rejects.toThrow(/./);
});
