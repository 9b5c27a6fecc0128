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

/** A call of `caller` that `callee` has answered, both at devices named "phone". Resolves with the session's id. */
export async function answeredCall(caller: Client, callee: Client, to: string): Promise<string> {
  const { session } = await caller.ok("call", { to });
  await callee.push("incoming", { session });
  const accepted = callee.ok("accept", { session });
  await caller.push("accepted", { session });
  await caller.ok("confirm", { session, device: "phone" });
  await accepted;
  return String(session);
}
