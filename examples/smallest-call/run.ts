// npx bun examples/smallest-call/run.ts
// Serves index.html, and everything else from the server that `npm start` runs at http://localhost:8080.
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";

const port = 3000;
const target = { host: "127.0.0.1", port: 8080 };
const page = readFileSync(new URL("index.html", import.meta.url));

const server = createServer((incoming, response) => {
  if (incoming.url === "/") {
    response.setHeader("Content-Type", "text/html; charset=utf-8").end(page);
    return;
  }
  const { method, url, headers } = incoming;
  const onward = request({ ...target, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.writeHead(502).end("npm start first\n"));
  incoming.pipe(onward);
});
server.on("upgrade", ({ url, rawHeaders }, near) => {
  const far = connect(target.port, target.host, () => {
    const lines = rawHeaders.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`));
    far.write(`GET ${url} HTTP/1.1\r\n${lines.join("")}\r\n`);
    far.pipe(near).pipe(far);
  });
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
});
server.listen(port, () => {
  console.log(
    `Open http://localhost:${port}/#bob, then http://localhost:${port}/#alice/bob in another window.`,
  );
});
