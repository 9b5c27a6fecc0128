/** Alerts that we send or name (RFC 5246 §7.2, RFC 8446 §6). */
export const alert = {
  closeNotify: 0,
  unexpectedMessage: 10,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  noRenegotiation: 100,
  unsupportedExtension: 110,
} as const;

export const alertLevel = { warning: 1, fatal: 2 } as const;

const names = new Map(Object.entries(alert).map(([name, code]) => [code as number, name]));

/** For logs: the alert's name, or its number. */
export function alertName(code: number): string {
  return names.get(code) ?? `alert ${code}`;
}
