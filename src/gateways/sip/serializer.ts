import { encodeText } from "../../wire/stun/text.ts";
import { bodyText, type SipMessage } from "./message.ts";

/** A message as bytes. Its Content-Length is that of its body, whatever its headers say. */
export function serializeBytes(message: SipMessage): Uint8Array {
  const head = encodeText(serializeHead(message));
  const bytes = new Uint8Array(head.length + message.body.length);
  bytes.set(head);
  bytes.set(message.body, head.length);
  return bytes;
}

/** A message as text, for a WebSocket. Undefined when the body is not UTF-8: then send the bytes. */
export function serializeText(message: SipMessage): string | undefined {
  const body = bodyText(message);
  return body === undefined ? undefined : serializeHead(message) + body;
}

function serializeHead(message: SipMessage): string {
  let text =
    message.kind === "request"
      ? `${message.method} ${message.uri.text} SIP/2.0\r\n`
      : `SIP/2.0 ${message.status} ${message.reason}\r\n`;
  for (const [name, value] of message.headers) if (name !== "Content-Length") text += `${name}: ${value}\r\n`;
  return `${text}Content-Length: ${message.body.length}\r\n\r\n`;
}
