import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own, gone at the end of the test run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-test-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a self-signed certificate for localhost, and for `hosts`, with this common name; answers the paths. */
export function makeCertificate(
  folder: string,
  name: string,
  hosts: readonly string[] = [],
): { readonly cert: string; readonly key: string } {
  const cert = join(folder, `${name}.cert.pem`);
  const key = join(folder, `${name}.key.pem`);
  const names = ["localhost", ...hosts].map((host) => `DNS:${host}`);
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=${names.join(",")},IP:127.0.0.1`];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], {
    stdio: "pipe",
  });
  return { cert, key };
}
