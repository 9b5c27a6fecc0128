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

/** The user of a certificate. */
export interface CertificateUser {
  useCertificate(pair: CertificatePair): void;
}
export interface CertificateLog {
  info(text: string): void;
  error(text: string): void;
}

/**
 * Gives the user each new certificate in the files. While they have no usable one, the one before stays in use. It polls, because a
 * renewal may replace files, links or whole mounts, of which watchers lose track. Returns a function that stops it.
 */
export function watchCertificate(
  paths: { readonly cert: string; readonly key: string },
  interval: number,
  user: CertificateUser,
  log: CertificateLog,
): () => void {
  let seen = fingerprint(paths.cert, paths.key);
  return every(interval, () => {
    const found = fingerprint(paths.cert, paths.key);
    if (found === seen) return;
    seen = found;
    try {
      user.useCertificate(readCertificate(paths.cert, paths.key));
      log.info("the certificate was changed; new connections use it");
    } catch (error) {
      log.error(`the changed certificate is unusable, the one before stays: ${(error as Error).message}`);
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
