import { Client } from "../conformance/client.ts";
import { openWebSocket } from "../conformance/wire.ts";

/** A client that has said hello (`more`: further fields of it) over WebSocket and was welcomed. Rejects with the close code when it was refused. */
export async function signIn(
  server: { readonly url: string },
  token: string,
  device = "phone",
  more: object = {},
): Promise<Client> {
  const client = new Client(await openWebSocket(`${server.url.replace("http", "ws")}/ws`));
  const instance = crypto.randomUUID();
  client.send({ type: "hello", token, device: { id: device }, instance, attempt: 1, ...more });
  const refused = client.closed().then((code) => Promise.reject(new Error(`hello was refused with ${code}`)));
  client.welcome = await Promise.race([client.expect("welcome", ({ type }) => type === "welcome"), refused]);
  // What becomes of the transport later is no longer ours.
  refused.catch(() => {});
  return client;
}
