import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dtlsCrypto } from "../../../src/net/dtls-crypto.ts";
import { type Fingerprint, fingerprintOf, parseFingerprint } from "../../../src/wire/dtls/fingerprint.ts";
import { temporaryFolder } from "../../support/certificates.ts";

const patience = 20_000;
let folder: string | undefined;

/** A certificate in files, as programs take it, and its fingerprint. */
export interface FileCertificate {
  readonly cert: string;
  readonly key: string;
  readonly fingerprints: readonly Fingerprint[];
}

/** Makes a self-signed certificate with a key of that kind (arguments of `openssl req`). */
export function fileCertificate(name: string, kind: readonly string[]): FileCertificate {
  folder ??= temporaryFolder();
  const cert = join(folder, `${name}.crt`);
  const key = join(folder, `${name}.key`);
  const to = ["-nodes", "-days", "9", "-subj", "/CN=peer", "-keyout", key, "-out", cert];
  execFileSync("openssl", ["req", "-x509", ...kind, ...to], { stdio: "pipe" });
  return { cert, key, fingerprints: [fingerprintOfFile(cert)] };
}

export const p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
export const rsa2048 = ["-newkey", "rsa:2048"];

/** Whether the program can be started. */
export function has(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}

/** A folder for what is built. */
export function buildFolder(): string {
  folder ??= temporaryFolder();
  return folder;
}

function fingerprintOfFile(path: string): Fingerprint {
  const base64 = readFileSync(path, "utf8").replace(/-----[^-]+-----|\s/g, "");
  const text = fingerprintOf(Uint8Array.from(Buffer.from(base64, "base64")), dtlsCrypto);
  return parseFingerprint(text) as Fingerprint;
}

/** A program that speaks DTLS. */
export class PeerProgram implements Disposable {
  #output = "";
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor([program, ...args]: readonly (string | number)[]) {
    this.#child = spawn(String(program), args.map(String), { stdio: ["pipe", "pipe", "pipe"] });
    const read = (chunk: Buffer) => {
      this.#output += chunk;
      this.#check();
    };
    this.#child.stdout?.on("data", read);
    this.#child.stderr?.on("data", read);
    this.#child.stdin?.on("error", () => {});
    this.#child.on("exit", () => this.#check());
  }

  get output(): string {
    return this.#output;
  }

  /** Writes a line to its standard input. */
  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits for the text, and gives its match. Rejects with the output when it does not come, or the program ends. */
  async printed(pattern: RegExp): Promise<RegExpMatchArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
    const check = () => {
      const match = this.#output.match(pattern);
      if (match !== null) resolve(match);
      else if (this.#child.exitCode !== null)
        reject(new Error(`the peer ended: ${this.#output.slice(-2_000)}`));
    };
    const timer = setTimeout(
      () => reject(new Error(`no ${pattern} in: ${this.#output.slice(-2_000)}`)),
      patience,
    );
    this.#waiting.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(check);
    }
  }

  /** What its exporter gives, in lower case. */
  async keyingMaterial(): Promise<string> {
    const [, hex = ""] = await this.printed(/Key(?:ing)? material: ([0-9A-Fa-f]+)\s/);
    return hex.toLowerCase();
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }

  #check(): void {
    for (const check of this.#waiting) check();
  }
}
