import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { endWithUs } from "../../support/end-with-us.ts";
import { freePort } from "../../support/free-port.ts";
import { installPeers } from "../../support/peers.ts";
import { runtimePath } from "../../support/runtimes.ts";

/** An S3-compatible storage (s3rver, which checks signatures) with a bucket `kept`, behind a line that can be cut. */
export class BucketServer {
  readonly settings = {
    endpoint: "",
    bucket: "kept",
    prefix: "from-here/",
    region: "us-east-1",
    accessKeyId: "S3RVER",
    secretAccessKey: "S3RVER",
  };
  /** Such as `PUT /kept/x?partNumber=1`, in the order in which they came. */
  readonly requests: string[] = [];
  /** Cuts every connection once so many requests have come. */
  cutAfter = Number.POSITIVE_INFINITY;
  /** Answers everything with this, in place of the storage. */
  answer: string | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #line = createServer((socket) => this.#accept(socket));
  readonly #folder = mkdtempSync(join(tmpdir(), "switchboard-bucket-"));
  #child: ChildProcess | undefined;
  #port = 0;

  static async start(): Promise<BucketServer> {
    const server = new BucketServer();
    await server.#begin();
    return server;
  }

  async #begin(): Promise<void> {
    this.#port = await freePort();
    const program = join(installPeers(), "node_modules/s3rver/bin/s3rver.js");
    const options = ["-d", this.#folder, "-a", "127.0.0.1", "-p", `${this.#port}`, "--no-vhost-buckets"];
    const child = spawn(runtimePath("node"), [program, ...options, "--configure-bucket", "kept"]);
    this.#child = child;
    endWithUs(child);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (line.includes("listening")) resolve();
      });
      child.once("exit", () => reject(new Error("s3rver ended")));
    });
    this.#line.listen(0, "127.0.0.1");
    await once(this.#line, "listening");
    this.settings.endpoint = `http://127.0.0.1:${(this.#line.address() as { port: number }).port}`;
  }

  #accept(socket: Socket): void {
    const other = connect(this.#port, "127.0.0.1");
    const end = (): void => {
      this.#sockets.delete(socket);
      socket.destroy();
      other.destroy();
    };
    this.#sockets.add(socket);
    for (const one of [socket, other]) one.on("error", end).on("close", end);
    socket.on("data", (chunk) => {
      const [, request] =
        /^((?:GET|HEAD|PUT|POST|DELETE) \S+) HTTP/.exec(chunk.toString("latin1", 0, 2_000)) ?? [];
      if (request !== undefined) this.requests.push(request);
      if (this.requests.length > this.cutAfter) for (const one of this.#sockets) one.destroy();
      else if (this.answer !== undefined) socket.end(this.answer);
      else other.write(chunk);
    });
    other.on("data", (chunk) => socket.write(chunk));
  }

  async stop(): Promise<void> {
    this.#line.close();
    for (const socket of this.#sockets) socket.destroy();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
