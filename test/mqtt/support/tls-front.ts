import { readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { createServer } from "node:tls";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";

/** TLS in front of a port of this machine: libpeer speaks nothing else, and pages of other tests want plain HTTP from the same server. */
export async function tlsFront(port: number): Promise<{ readonly port: number; close(): void }> {
  const { cert, key } = makeCertificate(temporaryFolder(), "localhost");
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
    const inner = connect(port, "127.0.0.1");
    socket.pipe(inner).pipe(socket);
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const)
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
