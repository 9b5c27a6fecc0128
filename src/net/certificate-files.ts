import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { every } from "./clock.ts";

/** A certificate chain and its private key, both PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** Reads and checks a pair. Throws an Error whose message says which file is wrong, and how. */
export function readCertificate(certPath: string, keyPath: string): CertificatePair {
  const cert = read(certPath, "certificate");
  const key = read(keyPath, "key");
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    throw new Error(`${certPath} holds no PEM certificate`);
  }
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new Error(`${keyPath} holds no PEM private key without a passphrase`);
  }
  if (!matches) throw new Error(`the key in ${keyPath} is not the one of the certificate in ${certPath}`);
  return { cert, key };
}

/**
 * Calls `changed` with each new pair that the files come to hold, and `failed` once for each that is unusable: the
 * one before stays in use. It polls, since a renewal replaces files, links or whole mounts, which watchers lose.
 * Returns the way to stop.
 */
export function watchCertificate(
  certPath: string,
  keyPath: string,
  interval: number,
  changed: (pair: CertificatePair) => void,
  failed: (error: Error) => void,
): () => void {
  let seen = fingerprint(certPath, keyPath);
  return every(interval, () => {
    const now = fingerprint(certPath, keyPath);
    if (now === seen) return;
    seen = now;
    try {
      changed(readCertificate(certPath, keyPath));
    } catch (error) {
      failed(error as Error);
    }
  });
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`can't read the ${what} ${path}: ${(error as Error).message}`);
  }
}

function fingerprint(...paths: string[]): string {
  return paths
    .map((path) => {
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      return stats === undefined ? "none" : `${stats.ino}:${stats.size}:${stats.mtimeNs}`;
    })
    .join();
}
